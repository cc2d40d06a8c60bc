"""Train the autoencoder that maps images with salt and pepper to clean ones."""

from pathlib import Path

import pandas as pd

from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.denoising import autoencoder, quality
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import backend, models
from noisy_mnist.learning.params import ComputeParams, TrainParams
from noisy_mnist.learning.training import FreshNoise


def main(level: str, noise_seed: str) -> None:
    """Read ``data/clean``, write ``models/autoencoder.keras`` and its history in ``data/history``."""
    network = params.read(AutoencoderParams, "autoencoder")
    train = params.read(TrainParams, "train")
    compute = params.read(ComputeParams, "compute")
    draw = quality.salt_and_pepper(int(noise_seed))
    clean = {split: splits.load(Path("data/clean"), split) for split in ("train", "validation")}
    noisy = {split: copies.noisy(part, split, draw, float(level)) for split, part in clean.items()}

    backend.set_up(compute.threads)
    fresh = FreshNoise(draw, float(level))
    checkpoint = Path("checkpoints/history/autoencoder.npz")
    trained, history = autoencoder.train(network, train, compute, clean, noisy, fresh, checkpoint)

    tables.write_csv(Path("data/history/autoencoder.csv"), pd.DataFrame(history))
    with files.replacing(Path("models/autoencoder.keras")) as path:
        models.save(trained, path)


if __name__ == "__main__":
    run(main)
