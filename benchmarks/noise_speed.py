"""Noise: images per second for each kind, against only drawing the random numbers and only writing the bytes."""

import statistics
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.measure import Results, folder_on_disk, in_turn, ratios, result, seconds
from noisy_mnist.data import noise, splits

IMAGES = 60_000
SCALE = 0.5
ROUNDS = 25  # each takes seconds, and they vary more than the long rounds of other benchmarks


def main() -> Iterator[Results]:
    """Measure each kind in turn with its limits; a share of 1 is as fast as the slower of drawing and writing.

    Writing does not wait for the disk.
    """
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (IMAGES, *splits.IMAGE_SHAPE), np.uint8)
    labels = np.zeros(IMAGES, np.uint8)
    noisy = rng.integers(0, 2**16, clean.shape, np.uint16).view(noise.STORED)
    with folder_on_disk() as folder:
        for kind, draws in DRAWS.items():

            def make(kind: str = kind) -> None:
                blocks = noise.blocks(clean, kind, SCALE, False, 0, 0)
                splits.save(Path(folder), "made", blocks, labels, noise.STORED)

            write = partial(splits.save, Path(folder), "written", [noisy], labels, noise.STORED)
            works: list[Callable[[], object]] = [make, write, *draws.values()]
            made, written, *drawn = in_turn(*(partial(seconds, work) for work in works), n=ROUNDS)
            limits = {"writing": written, **dict(zip(draws, drawn, strict=True))}
            slower = max(written, drawn[0], key=statistics.median)
            yield {
                f"noise.{kind}.images_per_second": result([IMAGES / time for time in made], "images / s"),
                f"noise.{kind}.share_of_limit": ratios(slower, made, "share"),
                **{f"noise.{kind}.share_of_{name}": ratios(times, made, "share") for name, times in limits.items()},
            }


def drawing(draw: Callable[[np.random.Generator], object]) -> Callable[[], None]:
    """Return a function that only draws the numbers that IMAGES need, a tile at a time as noise does."""

    def work() -> None:
        for block in range(IMAGES // noise.BLOCK):
            rng = noise.generator(0, 0, block)
            for _ in range(noise.BLOCK // noise.TILE):
                draw(rng)

    return work


TILE = np.empty((noise.TILE, *splits.IMAGE_SHAPE), np.float32)
# How the random numbers of each kind are drawn. Salt and pepper takes the words of `integers` straight from the bit
# generator, which is faster; both ways are measured.
DRAWS: dict[str, dict[str, Callable[[], None]]] = {
    "gaussian": {"drawing": drawing(lambda rng: rng.standard_normal(dtype=np.float32, out=TILE))},
    "salt_and_pepper": {
        "drawing": drawing(lambda rng: rng.bit_generator.random_raw(TILE.size // 2)),
        "integers": drawing(lambda rng: rng.integers(0, 2**32, TILE.shape, np.uint32)),
    },
}
