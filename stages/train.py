"""Train one model from one seed, on one noisy copy or with fresh noise in every epoch."""

from pathlib import Path

import pandas as pd

from noisy_mnist.core import files, params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.learning import backend, models, runs
from noisy_mnist.learning.params import ComputeParams, ModelParams, TrainParams
from noisy_mnist.learning.training import FreshNoise


def main(name: str, scale: str, seed: str) -> None:
    """Read a noisy copy, train, write ``models/<model>/<scale>-<seed>.keras`` and its history in ``data/history``."""
    model = params.read(ModelParams, f"models.{name}")
    train = params.read(TrainParams, "train")
    compute = params.read(ComputeParams, "compute")
    folder = Path(f"data/noisy/{scale}")
    noisy = {split: splits.load(folder, split) for split in ("train", "validation")}
    clean = splits.load(Path("data/clean"), "train")
    draw = copies.load_draw(folder)

    backend.set_up(compute.threads)
    fresh = FreshNoise(draw, float(scale)) if draw else None
    checkpoint = Path(f"checkpoints/history/{name}/{scale}-{seed}.npz")
    trained, history = runs.classifier(name, model, train, compute, int(seed), noisy, clean, fresh, checkpoint)

    tables.write_csv(Path(f"data/history/{name}/{scale}-{seed}.csv"), pd.DataFrame(history))
    with files.replacing(Path(f"models/{name}/{scale}-{seed}.keras")) as path:
        models.save(trained, path)


if __name__ == "__main__":
    run(main)
