"""Train the autoencoder that maps images with salt and pepper to clean ones."""

from pathlib import Path

import pandas as pd

from noisy_mnist import denoising, files, models, params, splits, tables, training
from noisy_mnist.params.denoise import AutoencoderNoise, NoiseSeed
from noisy_mnist.params.models import AutoencoderParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main() -> None:
    """Read ``data/clean``, write ``models/autoencoder.keras`` and its history in ``data/history``."""
    network = params.read(AutoencoderParams, "autoencoder")
    level = params.read(AutoencoderNoise, "autoencoder").level
    draw = denoising.salt_and_pepper(params.read(NoiseSeed, "noise").seed)
    fit_params = params.read(FitParams, "train")
    clean = {name: splits.load(Path("data/clean"), name) for name in ("train", "validation")}
    noisy = {name: denoising.noisy_copy(split, name, draw, level) for name, split in clean.items()}

    models.set_up(fit_params)
    backup = Path("backups/history/autoencoder.npz")
    fresh = training.FreshNoise(draw, level)
    model, history = denoising.fit(network, fit_params, clean, noisy, fresh, backup)

    tables.write_csv(Path("data/history/autoencoder.csv"), pd.DataFrame(history))
    with files.replacing(Path("models/autoencoder.keras")) as path:
        models.save(model, path)


if __name__ == "__main__":
    run(main)
