"""Bring the four IDX files of the data set into ``data/raw``."""

from pathlib import Path

from noisy_mnist import datasets, params
from noisy_mnist.params.data import DataParams
from noisy_mnist.stage import run


def main() -> None:
    """Fetch the files from a mirror, or write them from scikit-learn's ``digits``."""
    dataset = params.read(DataParams, "data").dataset
    folder = Path("data/raw")
    if dataset == "digits":
        datasets.write_digits(folder)
    else:
        datasets.fetch(datasets.SOURCES[dataset], folder)


if __name__ == "__main__":
    run(main)
