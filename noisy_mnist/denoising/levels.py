"""Scores of a classifier on noisy and on denoised images, level by level."""

from typing import Any

from numpy.typing import NDArray

from noisy_mnist.data import copies, noise
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.data.splits import Split, scaled
from noisy_mnist.denoising import params, quality
from noisy_mnist.learning import models, scores
from noisy_mnist.learning.backend import keras

Row = dict[str, Any]


def compare(
    level: float, test: Split, draw: NoiseParams, autoencoder: keras.Model, classifier: keras.Model
) -> tuple[list[Row], Row, list[NDArray[Any]]]:
    """Return the scores on noisy and denoised test images, the gain, and the images, (n, 28, 28) each.

    Columns of the scores: level, images (noisy, denoised), accuracy, macro_recall, psnr, ssim, n. Columns of the gain,
    the accuracy on denoised minus that on noisy images: level, gain, ci95.
    """
    clean = scaled(test.images).astype(noise.STORED)  # rounded like the noisy ones, so equal at level 0
    noisy = copies.noisy(test, "test", draw, level).images
    images = {"noisy": noisy, "denoised": models.predict(autoencoder, noisy)}
    classified = {name: models.predict(classifier, shown) for name, shown in images.items()}
    rows = []
    for name, shown in images.items():
        report = scores.report(classified[name], test.labels)
        chosen = {score: report[score] for score in ("accuracy", "macro_recall")}
        likeness = {"psnr": quality.psnr(scaled(shown), clean), "ssim": quality.ssim(shown, clean)}
        rows.append({"level": params.name(level), "images": name, **chosen, **likeness, "n": report["n"]})
    gain, half_width = quality.gain(classified["noisy"], classified["denoised"], test.labels)
    return rows, {"level": params.name(level), "gain": gain, "ci95": half_width}, list(images.values())
