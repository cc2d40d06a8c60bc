"""Scores of class probabilities against labels.

Throughout, probabilities are (n, 10) with rows that sum to 1, labels are (n,) from 0 to 9. The tests check each
score against scikit-learn or, where it has none, against a direct computation.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.data.splits import CLASSES

Probabilities = NDArray[np.float32]
Labels = NDArray[np.uint8]

# 15 bins of equal width, as in Guo et al. 2017, "On Calibration of Modern Neural Networks".
CALIBRATION_BINS = 15


def accuracy(probabilities: Probabilities, labels: Labels) -> float:
    """Return the share of images whose most probable class is their label, in [0, 1]."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def loss(probabilities: Probabilities, labels: Labels) -> float:
    """Return the mean cross-entropy in nats; probabilities below float32's epsilon are raised to it."""
    chosen = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).eps)).mean())


def confusion(probabilities: Probabilities, labels: Labels) -> NDArray[np.int64]:
    """Return the counts (10, 10) of images by label (row) and most probable class (column)."""
    positions = labels.astype(np.int64) * CLASSES + probabilities.argmax(axis=1)
    return np.bincount(positions, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the true-positive rate (10,) of each class from the counts; NaN for a class without images."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.diag(confusion) / confusion.sum(axis=1))


def calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Return the expected calibration error, in [0, 1], over bins of equal width (Guo et al. 2017, eq. 3).

    It is the mean over images of |accuracy - confidence| of the bin that the image's confidence falls in.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    bins = np.minimum(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def brier(probabilities: Probabilities, labels: Labels) -> float:
    """Return the Brier score: the mean squared distance, in [0, 2], to the one-hot label (Brier 1950)."""
    distance = probabilities.astype(np.float64) - np.eye(CLASSES)[labels]
    return float((distance**2).sum(axis=1).mean())


def pixel_loss(restored: NDArray[np.float32], clean: NDArray[np.uint8]) -> float:
    """Return the mean binary cross-entropy per pixel in nats, as Keras computes it.

    restored: images (n, 28, 28) in [0, 1]. clean: the same images without noise, uint8 from 0 to 255.
    """
    epsilon = 1e-7
    p = np.clip(restored.astype(np.float64), epsilon, 1 - epsilon)
    y = clean / 255
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def report(probabilities: Probabilities, labels: Labels) -> dict[str, Any]:
    """Return all scores of one split as plain numbers and lists."""
    counts = confusion(probabilities, labels)
    return {
        "n": len(labels),
        "accuracy": accuracy(probabilities, labels),
        "loss": loss(probabilities, labels),
        "macro_recall": float(recall(counts).mean()),
        "calibration_error": calibration_error(probabilities, labels),
        "brier": brier(probabilities, labels),
        "confusion": counts.tolist(),
    }
