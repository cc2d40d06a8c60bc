"""New digits: codes drawn from a distribution fitted to the codes of training images, and how good they are."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial.distance import pdist

from noisy_mnist.core.params import Section, Seed
from noisy_mnist.data.noise import generator
from noisy_mnist.data.splits import CLASSES, Split, scaled

Array = NDArray[np.float32]


class SynthesizeParams(Section):
    """The section ``synthesize``: the number of new digits of each class, and the seed."""

    digits: int = Field(ge=10, le=2000)
    seed: Seed


def codes(trained: Array, labels: NDArray[np.uint8], asked: SynthesizeParams) -> dict[str, Array]:
    """Return the codes to decode, (10 · digits, d) each: ``new``, like those of each class, and ``from_noise``."""
    return {
        "new": by_class(trained, labels, asked.digits, asked.seed),
        "from_noise": noise(trained.shape[1], CLASSES * asked.digits, asked.seed),
    }


def by_class(codes: Array, labels: NDArray[np.uint8], count: int, seed: int) -> Array:
    """Return ``count`` new codes of each class in turn, shape (10 · count, d).

    codes: (n, d) of training images, after a relu. labels: (n,). A normal distribution with full covariance is fitted
    to the codes of each class. Draws below 0 become 0, because no code is negative.
    """
    drawn = []
    for digit in range(CLASSES):
        own = codes[labels == digit].astype(np.float64)
        rng = generator(seed, digit)
        covariance = np.atleast_2d(np.cov(own.T))  # for codes of one unit, np.cov returns a number
        drawn.append(rng.multivariate_normal(own.mean(axis=0), covariance, count, method="eigh"))
    return np.concatenate(drawn).clip(0).astype(np.float32)


def noise(width: int, count: int, seed: int) -> Array:
    """Return ``count`` standard normal codes (count, width), which hold nothing about digits."""
    return generator(seed, CLASSES).standard_normal((count, width), dtype=np.float32)


def diversity(images: NDArray[np.floating], labels: NDArray[np.uint8]) -> float:
    """Return the mean distance (Euclidean, pixels in [0, 1]) between two images of one class, as a mean over classes.

    images: (n, 28, 28), at least two of each class in labels (n,).
    """
    flat = images.reshape(len(images), -1)
    return float(np.mean([pdist(flat[labels == digit]).mean() for digit in np.unique(labels)]))


def score(name: str, images: Split, probabilities: Array) -> dict[str, str | int | float]:
    """Return the scores of digits: images (``name``), n, intended, confidence, diversity.

    images: with the intended digits as labels. probabilities: (n, 10), from a classifier. intended: the share of images
    classified as the intended digit. confidence: the mean probability of the most probable class.
    """
    return {
        "images": name,
        "n": len(images.labels),
        "intended": float(np.mean(probabilities.argmax(axis=1) == images.labels)),
        "confidence": float(probabilities.max(axis=1).mean(dtype=np.float64)),
        "diversity": diversity(scaled(images.images), images.labels),
    }
