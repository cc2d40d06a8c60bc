"""How fast the project is, as ratios measured in one run: ``make bench``. Neither stages nor tests."""
