"""Where the images come from: mirrors, the IDX format, the validation split."""
