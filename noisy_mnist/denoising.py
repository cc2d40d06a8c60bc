"""Taking noise away with an autoencoder: its training, what it does to images, and from where to where it helps."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
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


def helps(gains: pd.DataFrame) -> dict[str, dict[str, float] | None]:
    """Return from which level denoising helps and to which: ``{"from": {level, low, high}, "to": …}``.

    gains: level (rising), gain, ci95. Between levels the gain is interpolated. ``level`` is where the gain passes 0,
    going away from its largest value; ``low`` and ``high`` are where the ends of its 95 % interval do. A gain that
    stays above 0 helps from the first or to the last level. Both are None if the gain is nowhere surely above 0.
    """
    levels, gain, ci95 = (gains[name].to_numpy(dtype=float) for name in ("level", "gain", "ci95"))
    best = int((gain - ci95).argmax())
    if gain[best] <= ci95[best]:
        return {"from": None, "to": None}
    mean, lower, upper = ((gain + sign * ci95) for sign in (0, -1, 1))
    left = [_leave(levels[best::-1], values[best::-1]) for values in (mean, upper, lower)]
    right = [_leave(levels[best:], values[best:]) for values in (mean, lower, upper)]
    names = ("level", "low", "high")
    return {"from": dict(zip(names, left, strict=True)), "to": dict(zip(names, right, strict=True))}


def _leave(levels: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Return where values, which begin above 0, first pass 0; the last level if they do not."""
    below = np.flatnonzero(values <= 0)
    if len(below) == 0:
        return float(levels[-1])
    end = int(below[0])
    share = values[end - 1] / (values[end - 1] - values[end])
    return float(levels[end - 1] + share * (levels[end] - levels[end - 1]))
