"""Score one trained model on the test images of every scale."""

from pathlib import Path

import pandas as pd

from noisy_mnist import models, params, scores, splits, tables
from noisy_mnist.params.grid import Scales
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.stage import run


def main(model_name: str, scale: str, seed: str) -> None:
    """Read the model and all noisy test images, write ``data/transfer/<model>/<scale>-<seed>.csv``."""
    models.set_up(params.read(ComputeParams, "train"))
    cell = f"{scale}-{seed}"
    model = models.load(Path("models") / model_name / f"{cell}.keras")

    rows = []
    for test_scale in params.read(Scales, "noise").names:
        test = splits.load(Path("data/noisy") / test_scale, "test")
        rows.append((test_scale, scores.accuracy(models.predict(model, test.images), test.labels)))

    table = pd.DataFrame(rows, columns=["test_scale", "accuracy"])
    tables.write_csv(Path("data/transfer") / model_name / f"{cell}.csv", table)


if __name__ == "__main__":
    run(main)
