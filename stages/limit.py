"""Score the exact posterior, with the training images as prior, on the test images of one scale."""

from pathlib import Path

from noisy_mnist import limit, params, scores, splits, tables
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.stage import run


def main(scale: str) -> None:
    """Read the clean training images and ``data/noisy/<scale>``, write ``data/limit/<scale>.json``."""
    draw = params.read(DrawParams, "noise")
    prior = splits.load(Path("data/clean"), "train")
    test = splits.load(Path("data/noisy") / scale, "test")

    probabilities = limit.posterior(test.images, prior, draw.kind, float(scale), draw.clip)

    # Accuracy alone: the last digits of a loss would differ with the number of threads of the matrix products.
    result = {"n": len(test.labels), "accuracy": scores.accuracy(probabilities, test.labels)}
    tables.write_json(Path("data/limit") / f"{scale}.json", result)


if __name__ == "__main__":
    run(main)
