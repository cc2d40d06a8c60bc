"""Refuse an invalid ``params.yaml`` before anything runs; every other stage runs after this one."""

from pathlib import Path

from noisy_mnist import study
from noisy_mnist.core import files
from noisy_mnist.core.stage import run


def main() -> None:
    """Check the whole file, write ``data/checked``; its bytes never change, so that no other stage reruns."""
    study.check()
    with files.replacing(Path("data/checked")) as path:
        path.write_text("params.yaml was found valid\n")


if __name__ == "__main__":
    run(main)
