"""The denoising study: the autoencoder, and its effect on images and their classification."""
