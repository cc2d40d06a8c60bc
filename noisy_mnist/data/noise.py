"""Image noise drawn with common random numbers.

The random numbers depend on the key and on an image's position, never on the scale. All scales share one draw, so
copies differ only in scale. To add a kind, write one function here and decorate it; its name is then a value of
``noise.kind``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.data.splits import scaled, take

Apply = Callable[[NDArray[np.uint8], float, np.random.Generator], NDArray[np.floating[Any]]]

# Images that share one generator: large enough that creating generators costs nothing, small enough to stay in cache.
BLOCK = 500
# Images given noise in one call: the intermediate results stay in the processor's L2 cache.
TILE = 50

# Two bytes a pixel, half of float32. Rounding changes a value v by at most |v|·2^-11. A pixel in [0, 1] changes by at
# most 0.00025, a sixteenth of the step between two grey levels. The large values of large scales change by more.
STORED = np.float16
# The stored value of each of the 256 grey values.
GREY = scaled(np.arange(256, dtype=np.uint8)).astype(STORED)
# The same for each pair of neighbours, read as one 16-bit number: half as many look-ups.
GREY_PAIRS = GREY[np.arange(2**16, dtype=np.uint16).view(np.uint8)].view(np.uint32)


@dataclass(frozen=True)
class Kind:
    """A kind of noise: its function, from grey images (uint8) to noisy ones, and its largest meaningful scale."""

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
def gaussian(images: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Add an independent normal draw to each pixel, of standard deviation ``scale`` (full grey range = 1)."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noise *= np.float32(scale)
    noise += scaled(images)
    return noise


@kind(largest_scale=1)
def salt_and_pepper(images: NDArray[np.uint8], scale: float, rng: np.random.Generator) -> NDArray[np.float16]:
    """Replace each pixel with probability ``scale``, by 0 or 1 with equal chance.

    Each pixel has one 32-bit integer. Its lowest bit is the new value; the other 31 decide whether the pixel is
    replaced. Scale 0 replaces none, 1 replaces all, and a pixel replaced at one scale is replaced at all larger ones.
    """
    # The numbers of rng.integers(0, 2**32, images.shape, np.uint32), in a third of the time. This relies on the even
    # number of pixels of an image. Byte masks, 0 or 255, are several times as fast as np.where. take with mode="clip"
    # is twice as fast as with a bounds check.
    draw = rng.bit_generator.random_raw(images.size // 2).view(np.uint32).reshape(images.shape)
    kept = np.negative((draw >= round(scale * 2**31) * 2).view(np.uint8))
    salt = np.negative((draw << 31 > 0).view(np.uint8))
    grey = images & kept | salt & ~kept
    return GREY_PAIRS.take(grey.view(np.uint16), mode="clip").view(STORED)


def add(
    images: NDArray[np.uint8], kind: str, scale: float, clip: bool, rng: np.random.Generator
) -> NDArray[np.float16]:
    """Return a noisy copy of grey images.

    images: (n, 28, 28), uint8 from 0 to 255, scaled to [0, 1] before the noise. kind: a key of KINDS.
    clip: clip values to [0, 1]. Returns (n, 28, 28) in the dtype STORED.
    """
    stored = np.empty(images.shape, STORED)
    for start in range(0, len(images), TILE):
        noisy = KINDS[kind].apply(images[start : start + TILE], scale, rng)
        if clip:
            np.clip(noisy, 0, 1, out=noisy)
        stored[start : start + TILE] = noisy
    return stored


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one block of images; ``key`` distinguishes splits, epochs and blocks.

    SFC64 is the fastest bit generator of NumPy; SeedSequence makes the streams of different keys independent.
    """
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))


def blocks(
    images: NDArray[np.uint8], kind: str, scale: float, clip: bool, seed: int, split: int
) -> Iterator[NDArray[np.float16]]:
    """Yield noisy copies of all ``images`` (n, 28, 28), BLOCK at a time.

    The numbers drawn for the image at position i depend only on (seed, split, i).
    """
    for start in range(0, len(images), BLOCK):
        block = take(images, slice(start, start + BLOCK))
        yield add(block, kind, scale, clip, generator(seed, split, start // BLOCK))
