"""Image noise on common random numbers.

The random numbers depend on the key and on an image's position, never on the scale: one draw serves every
scale, so scales differ in nothing but the scale. To add a kind, write one function here and decorate it;
its name is then a value of ``noise.kind``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.splits import scaled, take

Apply = Callable[[NDArray[np.float32], float, np.random.Generator], NDArray[np.float32]]

# Images that share one generator: large enough that creating generators costs nothing, small enough to stay in cache.
BLOCK = 500

# Two bytes a pixel, half of float32. Rounding changes a value v by at most |v|·2^-11: at most 0.00025 for a pixel
# in [0, 1], a sixteenth of the step between two grey levels.
STORED = np.float16


@dataclass(frozen=True)
class Kind:
    """A kind of noise: its function and the largest scale at which it has a meaning."""

    apply: Apply
    largest_scale: float


KINDS: dict[str, Kind] = {}


def kind(largest_scale: float) -> Callable[[Apply], Apply]:
    """Register the decorated function under its name."""

    def register(apply: Apply) -> Apply:
        KINDS[apply.__name__] = Kind(apply, largest_scale)
        return apply

    return register


# The largest value of float16 is 65504: at 1000, a normal draw would have to exceed 65 standard deviations to reach it.
@kind(largest_scale=1000)
def gaussian(images: NDArray[np.float32], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Add to each pixel its own normal draw with standard deviation ``scale``, in units of the full grey range."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noise *= np.float32(scale)
    noise += images
    return noise


@kind(largest_scale=1)
def salt_and_pepper(images: NDArray[np.float32], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Replace each pixel with probability ``scale``, by 0 or 1 with equal chance.

    One 32-bit integer a pixel: its lowest bit is the new value, the other 31 decide whether the pixel is replaced,
    so that 0 replaces none and 1 replaces all, and the pixels replaced at one scale are replaced at all larger ones.
    """
    draw = rng.integers(0, 2**32, images.shape, dtype=np.uint32)
    replaced = (draw >> 1) < np.uint32(round(scale * 2**31))
    return np.where(replaced, (draw & 1).astype(np.float32), images)


def add(
    images: NDArray[np.uint8], kind: str, scale: float, clip: bool, rng: np.random.Generator
) -> NDArray[np.float16]:
    """Return a noisy copy of grey images.

    images: (n, 28, 28), uint8 from 0 to 255, scaled to [0, 1] before the noise. kind: a key of KINDS.
    clip: bring values outside [0, 1] to its ends. Returns (n, 28, 28) in the dtype STORED.
    """
    noisy = KINDS[kind].apply(scaled(images), scale, rng)
    if clip:
        np.clip(noisy, 0, 1, out=noisy)
    return noisy.astype(STORED)


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one block of images: ``key`` tells apart splits, epochs and blocks.

    SFC64 is the fastest bit generator of NumPy; SeedSequence makes streams of different keys independent.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def blocks(
    images: NDArray[np.uint8], kind: str, scale: float, clip: bool, seed: int, split: int
) -> Iterator[NDArray[np.float16]]:
    """Yield noisy copies of all ``images`` (n, 28, 28), BLOCK at a time.

    The numbers drawn for the image at position i depend on (seed, split, i) alone.
    """
    for start in range(0, len(images), BLOCK):
        block = take(images, slice(start, start + BLOCK))
        yield add(block, kind, scale, clip, generator(seed, split, start // BLOCK))
