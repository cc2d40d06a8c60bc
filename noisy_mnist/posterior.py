"""The exact posterior of the class of a noisy image, with the training images as prior.

When the noise is known, and every training image is as likely as any other to be the clean one, then
p(class | z) ∝ Σ p(z | x) over the training images x of the class (Bayes). Nothing is trained. Its accuracy can be
reached when the noise is known. It is not a bound: a network may know more about digits than a list of images does.

log p(z | x) is a sum over pixels of products of a function of z and one of x, so a few matrix products give it for all
pairs of images. To add a kind of noise, write its function here and decorate it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from noisy_mnist.core.errors import UserError
from noisy_mnist.data.splits import CLASSES, Split, scaled

Array = NDArray[np.float32]
# From noisy images (n, 784) to log p(z | x) (n, m) for all m clean images, without terms that are the same for all x.
LogLikelihood = Callable[[Array], Array]
# Takes clean images (m, 784) in [0, 1], the scale, and whether noisy pixels were clipped to [0, 1].
Known = Callable[[Array, float, bool], LogLikelihood]
KNOWN: dict[str, Known] = {}

# Noisy images compared at a time with all training images: with 54,000 of those, the log-likelihoods take 100 MB.
BLOCK = 500
# At scale 0 the posterior is that of vanishing noise: the label of the nearest training image. Normal noise of this
# scale, or salt and pepper of this probability, gives it to the precision of float32.
SMALLEST_SCALE = 1e-3
SMALLEST_PROBABILITY = 1e-30


def known(function: Known) -> Known:
    """Register the decorated function under its name, which is a value of ``noise.kind``."""
    KNOWN[function.__name__] = function
    return function


@known
def gaussian(clean: Array, scale: float, clip: bool) -> LogLikelihood:
    """Return the log-likelihood of normal noise: −(z − x)² / 2σ² for each pixel.

    A clipped pixel shows only that z ≤ 0, with probability Φ(−x/σ), or z ≥ 1, with probability Φ((x − 1)/σ).
    """
    scale = max(scale, SMALLEST_SCALE)
    linear, squares = (clean / scale**2).T, (clean**2 / (2 * scale**2)).T
    if not clip:
        total = squares.sum(axis=0)
        return lambda noisy: noisy @ linear - total
    black, white = special.log_ndtr(-clean / scale).T, special.log_ndtr((clean - 1) / scale).T

    def log_likelihood(noisy: Array) -> Array:
        """Use the density of each pixel that was not clipped, and the probability of each that was."""
        is_black, is_white = (noisy <= 0).astype(np.float32), (noisy >= 1).astype(np.float32)
        between = 1 - is_black - is_white
        inside = (between * noisy) @ linear - between @ squares
        return np.asarray(inside + is_black @ black + is_white @ white)

    return log_likelihood


@known
def salt_and_pepper(clean: Array, scale: float, clip: bool) -> LogLikelihood:  # noqa: ARG001 - it stays within [0, 1]
    """Return the log-likelihood of salt and pepper on images thresholded at half grey.

    A pixel crosses the threshold with probability scale / 2. Without the threshold every likelihood would be 0: a grey
    pixel that was kept would have to match that of the training image exactly.
    """
    flipped = max(scale / 2, SMALLEST_PROBABILITY)
    ratio = np.float32(np.log(flipped) - np.log1p(-flipped))
    bright = (clean >= 0.5).astype(np.float32).T
    count = bright.sum(axis=0)

    def log_likelihood(noisy: Array) -> Array:
        """Count the pixels on different sides of the threshold."""
        seen = (noisy >= 0.5).astype(np.float32)
        return np.asarray(ratio * (seen.sum(axis=1, keepdims=True) + count - 2 * (seen @ bright)))

    return log_likelihood


def posterior(noisy: NDArray[np.float16], prior: Split, kind: str, scale: float, clip: bool) -> Array:
    """Return p(class | z), shape (n, 10), of noisy images (n, 28, 28); ``prior`` holds the clean images.

    Raises UserError for a kind of noise without a likelihood.
    """
    if kind not in KNOWN:
        raise UserError(f"noise.kind {kind}: expected one of {', '.join(KNOWN)}. Write its likelihood in {__name__}")
    log_likelihood = KNOWN[kind](scaled(prior.images).reshape(len(prior.images), -1), scale, clip)
    is_class = np.eye(CLASSES, dtype=np.float32)[prior.labels]
    result = np.empty((len(noisy), CLASSES), np.float32)
    for start in range(0, len(noisy), BLOCK):
        block = scaled(noisy[start : start + BLOCK])
        logs = log_likelihood(block.reshape(len(block), -1))
        logs -= logs.max(axis=1, keepdims=True)  # so that the largest is 1 and no sum is 0
        by_class = np.exp(logs, out=logs) @ is_class
        result[start : start + BLOCK] = by_class / by_class.sum(axis=1, keepdims=True)
    return result
