"""Score the models of one name, each trained at one scale, on the test images of every scale."""

from pathlib import Path

import pandas as pd

from noisy_mnist import models, params, scores, splits, tables
from noisy_mnist.params.grid import Scales, Seeds
from noisy_mnist.params.train import ComputeParams
from noisy_mnist.stage import run


def main(model_name: str) -> None:
    """Read ``models/<model>`` and all noisy test images, write ``data/transfer/<model>.csv``."""
    scales = params.read(Scales, "noise").names
    seeds = params.read(Seeds, "train").seeds
    models.set_up(params.read(ComputeParams, "train"))
    tests = {scale: splits.load(Path("data/noisy") / scale, "test") for scale in scales}

    rows = []
    for train_scale in scales:
        for seed in seeds:
            model = models.load(Path("models") / model_name / f"{train_scale}-{seed}.keras")
            for test_scale, test in tests.items():
                accuracy = scores.accuracy(models.predict(model, test.images), test.labels)
                rows.append((model_name, train_scale, test_scale, seed, accuracy))

    table = pd.DataFrame(rows, columns=["model", "train_scale", "test_scale", "seed", "accuracy"])
    tables.write_csv(Path("data/transfer") / f"{model_name}.csv", table)


if __name__ == "__main__":
    run(main)
