"""Memory of noise and training: 8.1 million images, as many as in MNIST8M, from disk, and 60,000 from memory."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Results, command, folder_on_disk, result
from noisy_mnist.data import splits
from tools import workspace

IMAGES = {"60k": 60_000, "8m": 8_100_000}
BLOCK = 60_000
# A small process starts the stage: at first, a process counts the memory of its parent as its own.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # of getrusage's figure, in bytes


def main() -> Iterator[Results]:
    """Yield the largest resident set of the stages ``noise`` and ``train`` (of the MLP); takes 20 GB of disk."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BLOCK, *splits.IMAGE_SHAPE), np.uint8)
    labels = rng.integers(0, splits.CLASSES, BLOCK, np.uint8)
    for case, number in IMAGES.items():
        with folder_on_disk() as name:
            folder = Path(name)
            workspace.create(folder, {"models.mlp.epochs": 1})
            for split, size in (("train", number), ("validation", 6_000), ("test", 10_000)):
                blocks = (images[: size - start] for start in range(0, size, BLOCK))
                splits.save(folder / "data/clean", split, blocks, np.resize(labels, size), np.uint8)
            noise = peak_mb(["-m", "stages.noise", "0.5"], folder)
            train = peak_mb(["-m", "stages.train", "mlp", "0.5", "0"], folder)
        yield {
            f"memory.{case}_noise_peak_mb": result([noise], "MB"),
            f"memory.{case}_train_peak_mb": result([train], "MB"),
            f"memory.{case}_peak_mb": result([max(noise, train)], "MB"),
        }


def peak_mb(arguments: list[str], folder: Path) -> float:
    """Return the largest resident set of a Python process."""
    run = command([sys.executable, "-c", PEAK, sys.executable, *arguments], folder)
    return int(run.lines[-1][1]) * UNIT / 1e6
