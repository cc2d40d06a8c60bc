"""Train one model on clean images with an L2 penalty on its weights or its activations, and score it."""

from pathlib import Path

import pandas as pd

from noisy_mnist import models, params, progress, scores, splits, tables, training
from noisy_mnist.params.models import ModelParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main(model_name: str, penalty: str, factor: str, seed: str) -> None:
    """Read ``data/clean``, write history and scores to ``data/weight_decay/<penalty>-<factor>-<seed>``."""
    base = params.read(ModelParams, f"models.{model_name}")
    model_params = base.model_copy(update={f"{penalty}_l2": float(factor)})
    fit_params = params.read(FitParams, "train")
    clean = {name: splits.load(Path("data/clean"), name) for name in splits.SPLITS}

    models.set_up(fit_params)
    job = training.classification(model_name, model_params, fit_params, int(seed), clean["train"])
    curve = training.curve(clean["train"], clean["validation"], fit_params.curve_images)
    cell = f"{penalty}-{factor}-{seed}"
    backup = Path("backups/weight_decay") / f"{cell}.npz"
    with progress.epochs(model_params.epochs) as report:
        model, history = training.fit(job, curve, backup, report)

    held_out = {name: clean[name] for name in ("validation", "test")}
    result = {name: scores.report(models.predict(model, part.images), part.labels) for name, part in held_out.items()}
    output = Path("data/weight_decay")
    tables.write_csv(output / f"{cell}.csv", pd.DataFrame(history))
    tables.write_json(output / f"{cell}.json", result)


if __name__ == "__main__":
    run(main)
