"""Score the exact posterior, with the training images as prior, on the test images of one scale."""

from pathlib import Path

import numpy as np

from noisy_mnist import posterior
from noisy_mnist.core import params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.data import splits
from noisy_mnist.data.params import NoiseParams


def main(scale: str) -> None:
    """Read the clean training images and ``data/noisy/<scale>``, write ``data/posterior/<scale>.json``."""
    draw = params.read(NoiseParams, "noise")
    prior = splits.load(Path("data/clean"), "train")
    test = splits.load(Path(f"data/noisy/{scale}"), "test")

    probabilities = posterior.posterior(test.images, prior, draw.kind, float(scale), draw.clip)

    # Accuracy only: the last digits of a loss would depend on the number of threads of the matrix products.
    accuracy = float(np.mean(probabilities.argmax(axis=1) == test.labels))
    print(f"test accuracy {accuracy:.4f}")
    tables.write_json(Path(f"data/posterior/{scale}.json"), {"n": len(test.labels), "accuracy": accuracy})


if __name__ == "__main__":
    run(main)
