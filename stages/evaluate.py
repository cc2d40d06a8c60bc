"""Score one trained model on the images of its own scale."""

from pathlib import Path

import numpy as np

from noisy_mnist import files, models, params, scores, splits, tables
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.stage import run


def main(model_name: str, scale: str, seed: str) -> None:
    """Read the model and ``data/noisy/<scale>``, write its scores by split and its test probabilities (n, 10)."""
    models.set_up(params.read(ComputeParams, "train"))
    cell = f"{scale}-{seed}"
    model = models.load(Path("models") / model_name / f"{cell}.keras")

    report = {}
    for name in splits.SPLITS:
        split = splits.load(Path("data/noisy") / scale, name)
        probabilities = models.predict(model, split.images)
        report[name] = scores.report(probabilities, split.labels)

    tables.write_json(Path("data/scores") / model_name / f"{cell}.json", report)
    with files.replacing(Path("data/probabilities") / model_name / f"{cell}.npy") as path, path.open("wb") as file:
        np.save(file, probabilities, allow_pickle=False)  # of the test split, which comes last


if __name__ == "__main__":
    run(main)
