"""Take the noise of the study away at one scale, with an autoencoder trained on it, and read what is left."""

from pathlib import Path

import pandas as pd

from noisy_mnist import denoising, models, params, scores, splits, tables, training
from noisy_mnist.params.models import AutoencoderParams
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.params.train import FitParams
from noisy_mnist.stage import run


def main(classifier_name: str, seed: str, scale: str) -> None:
    """Read clean and noisy images and a classifier of clean images, write ``data/denoise_scale/<scale>``.

    That is the history of the autoencoder, ``.csv``, and the classifier's scores on denoised images, ``.json``.
    """
    network = params.read(AutoencoderParams, "autoencoder")
    fit_params = params.read(FitParams, "train")
    fresh = training.FreshNoise(params.read(DrawParams, "noise"), float(scale))
    clean = {name: splits.load(Path("data/clean"), name) for name in ("train", "validation")}
    noisy = {name: splits.load(Path("data/noisy") / scale, name) for name in splits.SPLITS}

    models.set_up(fit_params)
    backup = Path("backups/denoise_scale") / f"{scale}.npz"
    model, history = denoising.fit(network, fit_params, clean, noisy, fresh, backup)

    classifier = models.load(Path("models") / classifier_name / f"0-{seed}.keras")
    result = {}
    for name in ("validation", "test"):
        denoised = models.predict(model, noisy[name].images)
        result[name] = scores.report(models.predict(classifier, denoised), noisy[name].labels)
    output = Path("data/denoise_scale")
    tables.write_csv(output / f"{scale}.csv", pd.DataFrame(history))
    tables.write_json(output / f"{scale}.json", result)


if __name__ == "__main__":
    run(main)
