"""The control: train the classifier on images with salt and pepper of one level instead of denoising them."""

from pathlib import Path

import pandas as pd

from noisy_mnist.core import params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.denoising import quality
from noisy_mnist.learning import backend, models, runs, scores
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams
from noisy_mnist.learning.training import FreshNoise


def main(name: str, seed: str, level: str, noise_seed: str) -> None:
    """Read ``data/clean``, write history and scores to ``data/denoise_control/<level>``."""
    model = params.read(ModelParams, f"models.{name}")
    train = params.read(TrainParams, "train")
    compute = params.read(ComputeParams, "compute")
    draw = quality.salt_and_pepper(int(noise_seed))
    clean = {split: splits.load(Path("data/clean"), split) for split in splits.SPLITS}
    noisy = {split: copies.noisy(part, split, draw, float(level)) for split, part in clean.items()}

    backend.set_up(compute.threads)
    fresh = FreshNoise(draw, float(level))
    checkpoint = Path(f"checkpoints/denoise_control/{level}.npz")
    trained, history = runs.classifier(name, model, train, compute, int(seed), noisy, clean["train"], fresh, checkpoint)

    result = {"test": scores.report(models.predict(trained, noisy["test"].images), noisy["test"].labels)}
    tables.write_csv(Path(f"data/denoise_control/{level}.csv"), pd.DataFrame(history))
    tables.write_json(Path(f"data/denoise_control/{level}.json"), result)


if __name__ == "__main__":
    run(main)
