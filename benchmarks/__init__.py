"""How fast the project is, as ratios measured in one run: ``make bench``. No stage of the graph, and no test."""
