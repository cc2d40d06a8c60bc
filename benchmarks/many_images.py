"""Memory: 8.1 million images, as many as MNIST8M has, get noise and are trained on from disk, and 60,000 as well."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Results, command, result
from noisy_mnist import splits
from tools import workspace

IMAGES = {"60k": 60_000, "8m": 8_100_000}
BLOCK = 60_000


def main() -> Results:
    """Return the largest resident set of the stages ``noise`` and ``train``, of the MLP; takes 20 GB of disk."""
    found: Results = {}
    disk = Path(".dvc/tmp").resolve()  # /tmp may be in memory
    disk.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BLOCK, *splits.IMAGE_SHAPE), np.uint8)
    labels = rng.integers(0, splits.CLASSES, BLOCK, np.uint8)
    for case, number in IMAGES.items():
        with tempfile.TemporaryDirectory(dir=disk) as name:
            folder = Path(name)
            workspace.create(folder, {"models.mlp.epochs": 1})
            for split, size in (("train", number), ("validation", 6_000), ("test", 10_000)):
                blocks = (images[: size - start] for start in range(0, size, BLOCK))
                splits.save(folder / "data/clean", split, blocks, np.resize(labels, size), np.uint8)
            noise = command([sys.executable, "-m", "stages.noise", "0.5"], folder)
            train = command([sys.executable, "-m", "stages.train", "mlp", "0.5", "0"], folder)
        found[f"memory.{case}_noise_peak_mb"] = result([noise.peak_mb], "MB")
        found[f"memory.{case}_train_peak_mb"] = result([train.peak_mb], "MB")
        found[f"memory.{case}_peak_mb"] = result([max(noise.peak_mb, train.peak_mb)], "MB")
    return found
