"""Write a noisy copy of all splits at one scale."""

from pathlib import Path

from noisy_mnist import files, noise, params, splits
from noisy_mnist.params.noise import DrawParams
from noisy_mnist.stage import run


def main(scale: str) -> None:
    """Read ``data/clean``, write train, validation and test with noise (float16) to ``data/noisy/<scale>``."""
    draw = params.read(DrawParams, "noise")
    with files.replacing(Path("data/noisy") / scale) as folder:
        for stream, name in enumerate(splits.SPLITS):
            clean = splits.load(Path("data/clean"), name)
            blocks = noise.blocks(clean.images, draw.kind, float(scale), draw.clip, draw.seed, stream)
            splits.save(folder, name, blocks, clean.labels, noise.STORED)


if __name__ == "__main__":
    run(main)
