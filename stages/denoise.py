"""Score a classifier of clean images on test images with salt and pepper of each level, as they are and denoised."""

from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist import denoising, files, models, noise, params, scores, splits, tables
from noisy_mnist.params.denoise import Levels, NoiseSeed
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.stage import run

SHOWN = 3


def main(classifier_name: str, seed: str) -> None:
    """Read clean test images, autoencoder and classifier, write ``data/denoise``.

    Its files: ``scores.csv``, ``gains.csv`` (accuracy on denoised minus that on noisy images), and ``images.npy``,
    the first test images noisy and denoised, float16 (2, levels, SHOWN, 28, 28).
    """
    levels = params.read(Levels, "denoise").levels
    draw = denoising.salt_and_pepper(params.read(NoiseSeed, "noise").seed)
    models.set_up(params.read(ComputeParams, "train"))
    autoencoder = models.load(Path("models/autoencoder.keras"))
    classifier = models.load(Path("models") / classifier_name / f"0-{seed}.keras")
    test = splits.load(Path("data/clean"), "test")
    clean = splits.scaled(test.images).astype(noise.STORED)  # rounded as the noisy ones are: equal at level 0

    rows, gains, shown = [], [], []
    for level in levels:
        noisy = denoising.noisy_copy(test, "test", draw, level).images
        images = {"noisy": noisy, "denoised": models.predict(autoencoder, noisy)}
        read = {name: models.predict(classifier, some) for name, some in images.items()}
        for name, some in images.items():
            report = scores.report(read[name], test.labels)
            quality = {"psnr": denoising.psnr(splits.scaled(some), clean), "ssim": denoising.ssim(some, clean)}
            chosen = {score: report[score] for score in ("accuracy", "macro_recall")}
            rows.append({"level": str(level), "images": name, **chosen, **quality})
        gain, half_width = denoising.gain(read["noisy"], read["denoised"], test.labels)
        gains.append({"level": str(level), "gain": gain, "ci95": half_width})
        shown.append([some[:SHOWN].astype(np.float16) for some in images.values()])

    with files.replacing(Path("data/denoise")) as folder:
        folder.mkdir()
        tables.write_csv(folder / "scores.csv", pd.DataFrame(rows))
        tables.write_csv(folder / "gains.csv", pd.DataFrame(gains))
        np.save(folder / "images.npy", np.swapaxes(np.array(shown), 0, 1), allow_pickle=False)


if __name__ == "__main__":
    run(main)
