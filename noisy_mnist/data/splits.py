"""The images and labels of a split as two ``.npy`` files, which any program can memory-map."""

import math
import mmap
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError

# A name's position is part of the key of the split's random numbers (see noise.generator).
SPLITS = ("train", "validation", "test")
CLASSES = 10
IMAGE_SHAPE = (28, 28)
# Files up to this size are read into memory, larger ones are memory-mapped. MNIST's noisy training images take 85 MB.
IN_MEMORY_BYTES = 2**28
# Images copied from a memory map at a time: for each, the system may map megabytes of the file around it.
TAKE = 32
# Images processed at a time in computing moments.
CHUNK = 1000


@dataclass(frozen=True)
class Split:
    """Images (n, 28, 28), uint8 from 0 to 255 if clean or float16 if noisy, and labels (n,), uint8 from 0 to 9."""

    images: NDArray[Any]
    labels: NDArray[np.uint8]

    def first(self, n: int) -> "Split":
        """Return the first ``n`` images and their labels, or all if there are fewer."""
        return Split(self.images[:n], self.labels[:n])


def save(
    folder: Path, name: str, blocks: Iterable[NDArray[Any]], labels: NDArray[np.uint8], dtype: type[np.generic]
) -> None:
    """Write a split from blocks of images, in order, so that memory use stays small.

    A thread writes one block while the next is computed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    header = {"descr": descr, "fortran_order": False, "shape": (len(labels), *IMAGE_SHAPE)}
    with (folder / f"{name}_images.npy").open("wb") as file, ThreadPoolExecutor(1) as writer:
        np.lib.format.write_array_header_1_0(file, header)
        written: Future[Any] = writer.submit(file.flush)
        for images in blocks:
            written.result()
            written = writer.submit(file.write, np.ascontiguousarray(images, dtype).data)
        written.result()
    np.save(folder / f"{name}_labels.npy", labels, allow_pickle=False)


def load(folder: Path, name: str) -> Split:
    """Return a split, with its images in memory up to IN_MEMORY_BYTES and as a read-only memory map above that.

    Raises UserError if a file is missing or damaged, or the two do not match.
    """
    try:
        path = folder / f"{name}_images.npy"
        mode: Literal["r"] | None = "r" if path.stat().st_size > IN_MEMORY_BYTES else None
        images = np.load(path, mmap_mode=mode, allow_pickle=False)
        labels = np.load(folder / f"{name}_labels.npy", allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} not found: run the stage that writes it with 'dvc repro'") from None
    except (ValueError, EOFError, TokenError, BadZipFile) as error:  # all that np.load raises for invalid bytes
        raise UserError(f"{folder}: the {name} split is damaged ({error}): delete it and run 'dvc repro'") from None
    if labels.ndim != 1 or images.shape != (len(labels), *IMAGE_SHAPE):
        shapes = f"images of shape {images.shape} and labels of shape {labels.shape}"
        raise UserError(f"{folder}: {name} has {shapes}, expected (n, 28, 28) and (n,): delete it and run 'dvc repro'")
    return Split(images, labels)


def take(images: NDArray[Any], chosen: slice | NDArray[np.int64]) -> NDArray[Any]:
    """Return a copy of the chosen images in memory.

    The pages of a memory map are released at once, so that memory use does not grow with the data set. The system
    keeps them cached as long as it has room.
    """
    mapped = getattr(images, "_mmap", None)
    if mapped is None:
        return np.array(images[chosen])
    positions = np.arange(*chosen.indices(len(images))) if isinstance(chosen, slice) else chosen
    copy = np.empty((len(positions), *images.shape[1:]), images.dtype)
    for start in range(0, len(positions), TAKE):
        copy[start : start + TAKE] = images[positions[start : start + TAKE]]
        mapped.madvise(mmap.MADV_DONTNEED)
    return copy


def moments(images: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and standard deviation of all pixels, in the units of ``scaled``."""
    total = squares = 0.0
    for start in range(0, len(images), CHUNK):
        pixels = scaled(take(images, slice(start, start + CHUNK))).astype(np.float64)
        total += pixels.sum()
        squares += np.square(pixels).sum()
    mean = total / images.size
    return mean, math.sqrt(squares / images.size - mean**2)


def scaled(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images as float32: clean ones (uint8) from 0 to 1, noisy ones (float16) as they are."""
    grey = images.astype(np.float32)
    if images.dtype == np.uint8:
        grey /= np.float32(255)
    return grey
