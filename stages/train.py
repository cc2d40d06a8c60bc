"""Train one model on one noisy copy, or on noise drawn anew for every epoch, from one seed."""

import sys
from pathlib import Path
from typing import NoReturn

import pandas as pd
from tqdm import tqdm

from noisy_mnist import files, models, params, splits, training
from noisy_mnist.params.models import ModelParams
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main(model_name: str, scale: str, seed: str) -> None:
    """Read a noisy copy, train, write ``models/<model>/<scale>-<seed>.keras`` and its history ``.csv``."""
    model_params = params.read(ModelParams, f"models.{model_name}")
    fit_params = params.read(FitParams, "train")
    noisy = {name: splits.load(Path("data/noisy") / scale, name) for name in ("train", "validation")}
    fresh = None
    examples = noisy["train"]
    if model_params.fresh_noise:
        fresh = training.FreshNoise(params.read(DrawParams, "noise"), float(scale))
        examples = splits.load(Path("data/clean"), "train")
    curve = {"train": noisy["train"].first(fit_params.curve_images), "validation": noisy["validation"]}

    models.set_up(fit_params)
    precision = model_params.precision or fit_params.precision
    job = training.Training(model_params, precision, fit_params.threads, int(seed), examples, fresh)
    backup = Path("backups") / model_name / f"{scale}-{seed}.npz"
    with tqdm(total=model_params.epochs, unit="epoch", disable=None) as bar:
        model, history = training.fit(job, curve, backup, lambda rows: report(rows, bar))

    output = Path("models") / model_name
    with files.replacing(output / f"{scale}-{seed}.csv") as path:
        pd.DataFrame(history).to_csv(path, index=False)
    with files.replacing(output / f"{scale}-{seed}.keras") as path:
        models.save(model, path)
    backup.unlink(missing_ok=True)


def report(rows: list[training.Row], bar: "tqdm[NoReturn]") -> None:
    """Show the newest epoch: on the bar in a terminal, as one line in a log."""
    text = ", ".join(f"{row['split']} accuracy {row['accuracy']:.4f} loss {row['loss']:.4f}" for row in rows)
    if bar.disable:
        print(f"epoch {rows[0]['epoch']}/{bar.total}: {text}", file=sys.stderr, flush=True)
    bar.set_postfix_str(text)
    bar.update(rows[0]["epoch"] - bar.n)


if __name__ == "__main__":
    run(main)
