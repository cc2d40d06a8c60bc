"""The commands behind the make targets. They are not stages, and no stage imports them."""
