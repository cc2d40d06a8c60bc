"""Images and labels by split, and the noise that is added to them."""
