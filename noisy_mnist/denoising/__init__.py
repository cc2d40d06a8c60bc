"""The study of denoising: the autoencoder, and what it does to images and their classification."""
