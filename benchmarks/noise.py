"""Noise: images a second for each kind, against drawing the random numbers alone and writing the bytes alone."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Results, in_turn, ratios, result, seconds
from noisy_mnist import noise, splits

IMAGES = 60_000
SCALE = 0.5


def main() -> Results:
    """Measure each kind in turn with its two limits; a share of 1 is as fast as the slower of them."""
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (IMAGES, *splits.IMAGE_SHAPE), np.uint8)
    labels = np.zeros(IMAGES, np.uint8)
    noisy = np.zeros(clean.shape, noise.STORED)
    found: Results = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, draw in (("gaussian", gaussian_draws), ("salt_and_pepper", salt_and_pepper_draws)):

            def make(kind: str = kind) -> None:
                blocks = noise.blocks(clean, kind, SCALE, False, 0, 0)
                splits.save(Path(folder), "made", blocks, labels, noise.STORED)

            write = partial(splits.save, Path(folder), "written", [noisy], labels, noise.STORED)
            made, drawn, written = in_turn(*(partial(seconds, work) for work in (make, draw, write)))
            limits = [max(pair) for pair in zip(drawn, written, strict=True)]
            found[f"noise.{kind}.images_per_second"] = result([IMAGES / time for time in made], "images / s")
            found[f"noise.{kind}.share_of_limit"] = ratios(limits, made, "share")
    return found


def gaussian_draws() -> None:
    """Draw a normal number for every pixel, in float32, a block at a time."""
    for block in range(IMAGES // noise.BLOCK):
        noise.generator(0, 0, block).standard_normal((noise.BLOCK, *splits.IMAGE_SHAPE), dtype=np.float32)


def salt_and_pepper_draws() -> None:
    """Draw 32 bits for every pixel, a block at a time."""
    for block in range(IMAGES // noise.BLOCK):
        noise.generator(0, 0, block).integers(0, 2**32, (noise.BLOCK, *splits.IMAGE_SHAPE), np.uint32)
