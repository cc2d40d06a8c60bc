"""Networks: what params.yaml says of them, how they are built, trained, resumed and scored."""
