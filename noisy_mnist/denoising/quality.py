"""The salt and pepper of the denoising study, and the quality of denoised images."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from noisy_mnist.data.params import NoiseParams

Images = NDArray[np.floating[Any]]

# structural_similarity compares windows of 7×7 pixels.
SSIM_MARGIN = 3


def salt_and_pepper(seed: int) -> NoiseParams:
    """Return how noise is drawn in the denoising study: salt and pepper, whatever ``noise.kind`` is."""
    return NoiseParams(kind="salt_and_pepper", clip=False, seed=seed)


def psnr(images: Images, clean: Images) -> float | None:
    """Return the peak signal-to-noise ratio in dB over all pixels of images in [0, 1]; None if they are equal."""
    if np.array_equal(images, clean):
        return None
    return float(peak_signal_noise_ratio(clean.astype(np.float64), images.astype(np.float64), data_range=1))


def ssim(images: Images, clean: Images) -> float:
    """Return the mean structural similarity (Wang et al. 2004), at most 1, over images (n, 28, 28).

    The images are stacked in one column for speed. Windows that reach into a neighbour are left out, as are windows
    that cross the border of a single image.
    """
    columns = (array.reshape(-1, array.shape[-1]).astype(np.float32) for array in (clean, images))
    _, local = structural_similarity(*columns, data_range=1, full=True)
    inner = slice(SSIM_MARGIN, -SSIM_MARGIN)
    return float(local.reshape(clean.shape)[:, inner, inner].mean(dtype=np.float64))


def gain(before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the gain in accuracy between two classifications of the same images, and its 95 % half-width.

    before, after: class probabilities (n, 10). The half-width is that of the mean of paired differences over images
    (normal approximation).
    """
    difference = (after.argmax(axis=1) == labels).astype(float) - (before.argmax(axis=1) == labels)
    half_width = stats.norm.ppf(0.975) * difference.std(ddof=1) / np.sqrt(len(labels))
    return float(difference.mean()), float(half_width)
