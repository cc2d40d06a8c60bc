"""Write a noisy copy of all splits at one scale."""

from pathlib import Path

from noisy_mnist.core import files, params
from noisy_mnist.core.stage import run
from noisy_mnist.data import copies, noise, splits
from noisy_mnist.data.params import NoiseParams


def main(scale: str) -> None:
    """Read ``data/clean``, write train, validation and test with noise (float16) to ``data/noisy/<scale>``."""
    draw = params.read(NoiseParams, "noise")

    with files.replacing(Path(f"data/noisy/{scale}")) as folder:
        for name in splits.SPLITS:
            clean = splits.load(Path("data/clean"), name)
            splits.save(folder, name, copies.blocks(clean, name, draw, float(scale)), clean.labels, noise.STORED)
        copies.save_draw(folder, draw, float(scale))


if __name__ == "__main__":
    run(main)
