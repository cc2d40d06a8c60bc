"""Train the classifier on images with salt and pepper of one level instead of denoising them: the control."""

from pathlib import Path

import pandas as pd

from noisy_mnist import denoising, models, params, progress, scores, splits, tables, training
from noisy_mnist.params.denoise import NoiseSeed
from noisy_mnist.params.models import ModelParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main(model_name: str, seed: str, level: str) -> None:
    """Read ``data/clean``, write history and scores to ``data/denoise_control/<level>``."""
    model_params = params.read(ModelParams, f"models.{model_name}")
    fit_params = params.read(FitParams, "train")
    draw = denoising.salt_and_pepper(params.read(NoiseSeed, "noise").seed)
    clean = {name: splits.load(Path("data/clean"), name) for name in splits.SPLITS}
    noisy = {name: denoising.noisy_copy(split, name, draw, float(level)) for name, split in clean.items()}
    examples, fresh = noisy["train"], None
    if model_params.fresh_noise:
        examples, fresh = clean["train"], training.FreshNoise(draw, float(level))

    models.set_up(fit_params)
    job = training.classification(model_name, model_params, fit_params, int(seed), examples, fresh)
    curve = training.curve(noisy["train"], noisy["validation"], fit_params.curve_images)
    backup = Path("backups/denoise_control") / f"{level}.npz"
    with progress.epochs(model_params.epochs) as report:
        model, history = training.fit(job, curve, backup, report)

    output = Path("data/denoise_control")
    tables.write_csv(output / f"{level}.csv", pd.DataFrame(history))
    result = {"test": scores.report(models.predict(model, noisy["test"].images), noisy["test"].labels)}
    tables.write_json(output / f"{level}.json", result)


if __name__ == "__main__":
    run(main)
