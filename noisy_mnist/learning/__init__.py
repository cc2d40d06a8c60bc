"""Networks: their params, and how they are built, trained, resumed and scored."""
