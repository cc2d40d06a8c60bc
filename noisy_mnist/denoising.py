"""Taking noise away with an autoencoder: its training, and what it does to images and their classification."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from noisy_mnist import noise, progress, training
from noisy_mnist.params.models import AutoencoderParams
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.splits import SPLITS, Split

Images = NDArray[np.floating[Any]]

# structural_similarity compares windows of 7×7 pixels.
SSIM_MARGIN = 3


def salt_and_pepper(seed: int) -> DrawParams:
    """Return how the noise of the denoising study is drawn: salt and pepper, whatever the kind of the noise study."""
    return DrawParams(kind="salt_and_pepper", clip=False, seed=seed)


def noisy_copy(clean: Split, name: str, draw: DrawParams, level: float) -> Split:
    """Return a split with noise (float16); ``name`` is its name, on which the random numbers depend."""
    blocks = noise.blocks(clean.images, draw.kind, level, draw.clip, draw.seed, SPLITS.index(name))
    return Split(np.concatenate(list(blocks)), clean.labels)


def fit(
    network: AutoencoderParams,
    fit_params: FitParams,
    clean: dict[str, Split],
    noisy: dict[str, Split],
    fresh: training.FreshNoise,
    backup: Path,
) -> tuple[keras.Model, list[training.Row]]:
    """Train an autoencoder from images with fresh noise to the clean ones; see training.fit.

    clean, noisy: the splits train and validation; the noisy ones are for the history alone.
    """
    pairs = training.Examples(clean["train"].images, clean["train"].images)
    job = training.Training(
        "autoencoder", network, fit_params.precision, fit_params.threads, network.seed, pairs, fresh
    )
    first = slice(fit_params.curve_images)
    curve = {
        "train": training.Examples(noisy["train"].images[first], clean["train"].images[first]),
        "validation": training.Examples(noisy["validation"].images, clean["validation"].images),
    }
    with progress.epochs(network.epochs) as report:
        return training.fit(job, curve, backup, report)


def psnr(images: Images, clean: Images) -> float | None:
    """Return the peak signal-to-noise ratio in dB over all pixels of images in [0, 1]; None if they are equal."""
    if np.array_equal(images, clean):
        return None
    return float(peak_signal_noise_ratio(clean.astype(np.float64), images.astype(np.float64), data_range=1))


def ssim(images: Images, clean: Images) -> float:
    """Return the structural similarity (Wang et al. 2004), at most 1, of images (n, 28, 28), as a mean over images.

    The images stand in one column for speed: the windows that reach into a neighbour are left out, as the windows
    that reach over the border of a single image are.
    """
    columns = (array.reshape(-1, array.shape[-1]).astype(np.float32) for array in (clean, images))
    _, local = structural_similarity(*columns, data_range=1, full=True)
    inner = slice(SSIM_MARGIN, -SSIM_MARGIN)
    return float(local.reshape(clean.shape)[:, inner, inner].mean(dtype=np.float64))


def gain(before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[np.uint8]) -> tuple[float, float]:
    """Return by how much accuracy rises from one classification of the same images to another, and its 95 % half-width.

    before, after: class probabilities (n, 10). The half-width is that of the mean of paired differences over images
    (normal approximation).
    """
    difference = (after.argmax(axis=1) == labels).astype(float) - (before.argmax(axis=1) == labels)
    half_width = stats.norm.ppf(0.975) * difference.std(ddof=1) / np.sqrt(len(labels))
    return float(difference.mean()), float(half_width)
