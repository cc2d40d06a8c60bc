"""Denoise the images of the noise study at one scale, with an autoencoder trained on that noise, and classify them."""

from pathlib import Path

import pandas as pd

from noisy_mnist.core import params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.denoising import autoencoder
from noisy_mnist.denoising.params import AutoencoderParams
from noisy_mnist.learning import backend, models, scores
from noisy_mnist.learning.params import ComputeParams, TrainParams
from noisy_mnist.learning.training import FreshNoise


def main(classifier: str, seed: str, scale: str) -> None:
    """Read clean and noisy images and a classifier, write history and scores to ``data/denoise_scale/<scale>``."""
    network = params.read(AutoencoderParams, "autoencoder")
    train = params.read(TrainParams, "train")
    compute = params.read(ComputeParams, "compute")
    folder = Path(f"data/noisy/{scale}")
    noisy = {split: splits.load(folder, split) for split in splits.SPLITS}
    clean = {split: splits.load(Path("data/clean"), split) for split in ("train", "validation")}
    draw = copies.load_draw(folder)

    backend.set_up(compute.threads)
    fresh = FreshNoise(draw, float(scale)) if draw else None
    checkpoint = Path(f"checkpoints/denoise_scale/{scale}.npz")
    trained, history = autoencoder.train(network, train, compute, clean, noisy, fresh, checkpoint)

    model = models.load(Path(f"models/{classifier}/0-{seed}.keras"))
    denoised = {split: models.predict(trained, noisy[split].images) for split in ("validation", "test")}
    result = {name: scores.report(models.predict(model, part), noisy[name].labels) for name, part in denoised.items()}
    tables.write_csv(Path(f"data/denoise_scale/{scale}.csv"), pd.DataFrame(history))
    tables.write_json(Path(f"data/denoise_scale/{scale}.json"), result)


if __name__ == "__main__":
    run(main)
