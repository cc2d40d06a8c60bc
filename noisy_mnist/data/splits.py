"""Images and labels of one split as two ``.npy`` files, which any program reads by memory map."""

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

# The position of a name is part of the key of its random numbers (see noise.generator).
SPLITS = ("train", "validation", "test")
CLASSES = 10
IMAGE_SHAPE = (28, 28)
# Images up to this size are read into memory, larger ones by memory map. The noisy copy of MNIST takes 85 MB.
IN_MEMORY_BYTES = 2**28
# Images taken out of a memory map at a time: for each, the system maps up to megabytes of the file around it.
TAKE = 32
# Images whose moments are computed at a time.
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
    """Write a split whose images come a block at a time, in order, so that memory stays small.

    A thread writes one block while the next is made.
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
    """Return a split, its images in memory if they take at most IN_MEMORY_BYTES, else as a read-only memory map.

    Raises UserError if a file is missing or the two do not belong together.
    """
    try:
        path = folder / f"{name}_images.npy"
        mode: Literal["r"] | None = "r" if path.stat().st_size > IN_MEMORY_BYTES else None
        images = np.load(path, mmap_mode=mode, allow_pickle=False)
        labels = np.load(folder / f"{name}_labels.npy", allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} not found: run the stage that writes it with 'dvc repro'") from None
    except (ValueError, EOFError, TokenError, BadZipFile) as error:  # all that np.load raises for other bytes
        raise UserError(f"{folder}: the {name} split is damaged ({error}): delete it and run 'dvc repro'") from None
    if labels.ndim != 1 or images.shape != (len(labels), *IMAGE_SHAPE):
        shapes = f"images of shape {images.shape} and labels of shape {labels.shape}"
        raise UserError(f"{folder}: {name} has {shapes}, expected (n, 28, 28) and (n,): delete it and run 'dvc repro'")
    return Split(images, labels)


def take(images: NDArray[Any], chosen: slice | NDArray[np.int64]) -> NDArray[Any]:
    """Return a copy of the chosen images in memory.

    The pages of a memory map are let go at once, so that memory does not grow with the size of the data set; the
    system keeps them cached as long as it has room.
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
    """Return mean and standard deviation of all pixels of images, in the unit of ``scaled``."""
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
