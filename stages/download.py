"""Get the four IDX files of the data set into ``data/raw``."""

from pathlib import Path

from noisy_mnist.core import params
from noisy_mnist.core.stage import run
from noisy_mnist.datasets import download
from noisy_mnist.datasets.params import DataParams


def main() -> None:
    """Fetch the files from a mirror, or write them from scikit-learn's ``digits``."""
    dataset = params.read(DataParams, "data").dataset
    folder = Path("data/raw")
    if dataset == "digits":
        download.write_digits(folder)
    else:
        download.fetch(download.SOURCES[dataset], folder)


if __name__ == "__main__":
    run(main)
