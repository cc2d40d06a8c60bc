"""What the make targets run beside DVC itself: no stage of the graph, and nothing that a stage imports."""
