"""Hold validation images out of the training images; leave the test images alone."""

from pathlib import Path

from noisy_mnist import datasets, files, params, splits
from noisy_mnist.params.data import SplitParams
from noisy_mnist.stage import run


def main() -> None:
    """Read ``data/raw``, write train, validation and test (uint8) to ``data/clean``."""
    split_params = params.read(SplitParams, "split")
    raw = Path("data/raw")
    train, validation = datasets.hold_out(datasets.read(raw, "train"), split_params.validation, split_params.seed)
    parts = {"train": train, "validation": validation, "test": datasets.read(raw, "test")}

    with files.replacing(Path("data/clean")) as folder:
        for name, split in parts.items():
            splits.save(folder, name, [split.images], split.labels, split.images.dtype.type)


if __name__ == "__main__":
    run(main)
