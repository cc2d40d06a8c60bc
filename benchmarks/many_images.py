"""Memory: 8.1 million images, as many as MNIST8M has, get noise and are trained on from disk."""

import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.measure import Results, command, result
from noisy_mnist import splits
from tools import workspace

IMAGES = 8_100_000
BLOCK = 60_000
MODEL = {"layers": [{"dense": 16}], "optimizer": "sgd", "learning_rate": 0.1, "batch_size": 128, "epochs": 1}


def main() -> Results:
    """Return the largest resident set of the stages ``noise`` and ``train``; takes 20 GB of disk."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).resolve()
        workspace.create(folder, {"models.tiny": MODEL, "train.models": ["tiny"]})
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (BLOCK, *splits.IMAGE_SHAPE), np.uint8)
        labels = rng.integers(0, splits.CLASSES, BLOCK, np.uint8)
        for split, blocks in (("train", IMAGES // BLOCK), ("validation", 1), ("test", 1)):
            repeated = np.tile(labels, blocks)
            splits.save(folder / "data/clean", split, (images for _ in range(blocks)), repeated, np.uint8)
        stages = {"noise": ["0.5"], "train": ["tiny", "0.5", "0"]}
        runs = {
            stage: command([sys.executable, "-m", f"stages.{stage}", *words], folder) for stage, words in stages.items()
        }
    return {
        "memory.8m_noise_seconds": result([runs["noise"].seconds], "s"),
        "memory.8m_train_seconds": result([runs["train"].seconds], "s"),
        "memory.8m_peak_mb": result([runs["train"].peak_mb], "MB"),
    }
