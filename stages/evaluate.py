"""Score one trained model on images of its own scale, and on the test images of every scale."""

from pathlib import Path

import numpy as np

from noisy_mnist.core import params, tables
from noisy_mnist.core.params import Scale
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, splits
from noisy_mnist.data.params import NoiseParams
from noisy_mnist.learning import backend, models, scores
from noisy_mnist.learning.params import ComputeParams


def main(name: str, scale: str, seed: str) -> None:
    """Read the model and ``data/clean``, write ``data/scores``: scores of validation and test, accuracy by test scale.

    The noise of ``data/noisy`` is drawn again, so that removing a scale from the study changes no input file.
    """
    draw = params.read(NoiseParams, "noise")
    scales = [str(number) for number in params.read(list[Scale], "grid.scales")]
    clean = {split: splits.load(Path("data/clean"), split) for split in ("validation", "test")}

    backend.set_up(params.read(ComputeParams, "compute").threads)
    model = models.load(Path(f"models/{name}/{scale}-{seed}.keras"))
    reports = {}
    for split, test_scale in [("validation", scale), *(("test", number) for number in scales)]:
        blocks = copies.blocks(clean[split], split, draw, float(test_scale))
        probabilities = np.concatenate([models.predict(model, block) for block in blocks])
        reports[split, test_scale] = scores.report(probabilities, clean[split].labels)

    print(f"test accuracy {reports['test', scale]['accuracy']:.4f}")
    transfer = {number: reports["test", number]["accuracy"] for number in scales}
    result = {"validation": reports["validation", scale], "test": reports["test", scale], "transfer": transfer}
    tables.write_json(Path(f"data/scores/{name}/{scale}-{seed}.json"), result)


if __name__ == "__main__":
    run(main)
