"""Hold out validation images from the training images; leave the test images unchanged."""

from pathlib import Path

from noisy_mnist.core import files, params
from noisy_mnist.core.stage import run
from noisy_mnist.data import splits
from noisy_mnist.datasets import download
from noisy_mnist.datasets.params import SplitParams


def main() -> None:
    """Read ``data/raw``, write train, validation and test (uint8) to ``data/clean``."""
    split = params.read(SplitParams, "split")
    raw = Path("data/raw")
    train, validation = download.hold_out(download.read(raw, "train"), split.validation, split.seed)
    parts = {"train": train, "validation": validation, "test": download.read(raw, "test")}

    with files.replacing(Path("data/clean")) as folder:
        for name, part in parts.items():
            splits.save(folder, name, [part.images], part.labels, part.images.dtype.type)


if __name__ == "__main__":
    run(main)
