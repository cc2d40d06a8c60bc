"""Train one model on one noisy copy, or on noise drawn anew for every epoch, from one seed."""

from pathlib import Path

import pandas as pd

from noisy_mnist import files, models, params, progress, splits, tables, training
from noisy_mnist.params.models import ModelParams
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main(model_name: str, scale: str, seed: str) -> None:
    """Read a noisy copy, train, write ``models/<model>/<scale>-<seed>.keras`` and its history in ``data/history``."""
    model_params = params.read(ModelParams, f"models.{model_name}")
    fit_params = params.read(FitParams, "train")
    noisy = {name: splits.load(Path("data/noisy") / scale, name) for name in ("train", "validation")}
    curve = training.curve(noisy["train"], noisy["validation"], fit_params.curve_images)
    examples, fresh = noisy["train"], None
    if model_params.fresh_noise:
        examples = splits.load(Path("data/clean"), "train")
        fresh = training.FreshNoise(params.read(DrawParams, "noise"), float(scale))

    models.set_up(fit_params)
    job = training.classification(model_name, model_params, fit_params, int(seed), examples, fresh)
    cell = Path(model_name) / f"{scale}-{seed}"
    backup = Path("backups/history") / f"{cell}.npz"
    with progress.epochs(model_params.epochs) as report:
        model, history = training.fit(job, curve, backup, report)

    tables.write_csv(Path("data/history") / f"{cell}.csv", pd.DataFrame(history))
    with files.replacing(Path("models") / f"{cell}.keras") as path:
        models.save(model, path)


if __name__ == "__main__":
    run(main)
