"""Score a classifier, trained on clean images, on noisy and on denoised test images of each salt-and-pepper level."""

from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import splits
from noisy_mnist.denoising import levels, quality
from noisy_mnist.denoising.params import evenly_spaced
from noisy_mnist.learning import backend, models
from noisy_mnist.learning.params import ComputeParams


def main(classifier: str, seed: str, count: str, noise_seed: str) -> None:
    """Read test images, autoencoder and classifier, write scores, gains and images to ``data/denoise``.

    The images are the first three test images, noisy and denoised, float16 (2, levels, 3, 28, 28).
    """
    draw = quality.salt_and_pepper(int(noise_seed))
    test = splits.load(Path("data/clean"), "test")
    backend.set_up(params.read(ComputeParams, "compute").threads)
    autoencoder = models.load(Path("models/autoencoder.keras"))
    model = models.load(Path(f"models/{classifier}/0-{seed}.keras"))

    scores, gains, shown = [], [], []
    for level in evenly_spaced(int(count)):
        rows, gain, images = levels.compare(level, test, draw, autoencoder, model)
        scores += rows
        gains.append(gain)
        shown.append([part[:3].astype(np.float16) for part in images])

    with files.replacing(Path("data/denoise")) as folder:
        folder.mkdir()
        tables.write_csv(folder / "scores.csv", pd.DataFrame(scores))
        tables.write_csv(folder / "gains.csv", pd.DataFrame(gains))
        np.save(folder / "images.npy", np.swapaxes(np.array(shown), 0, 1), allow_pickle=False)


if __name__ == "__main__":
    run(main)
