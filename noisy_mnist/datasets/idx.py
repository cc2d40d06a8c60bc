"""The IDX format of MNIST, gzip-compressed (LeCun, Cortes, Burges, "The MNIST database of handwritten digits").

A file is a magic number (two zero bytes, the type code 8 for unsigned bytes, the number of dimensions), then each
dimension as a big-endian 32-bit integer, then the bytes of the array in C order.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError

UNSIGNED_BYTE = 8
# Twenty times the size of the MNIST training images: a damaged header cannot ask for more memory than this.
MAX_BYTES = 2**30


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the array of a gzip-compressed IDX file of unsigned bytes with the given number of dimensions.

    Raises UserError if the file is missing, is not gzip, or is not exactly such an array of at most MAX_BYTES.
    """
    try:
        with gzip.open(path) as file:
            header = file.read(4 + 4 * dimensions)
            shape = _shape(header, dimensions)
            size = math.prod(shape)
            if size > MAX_BYTES:
                raise ValueError(f"its header promises {size} bytes, expected at most {MAX_BYTES}")
            payload = file.read(size + 1)
    except FileNotFoundError:
        raise UserError(f"{path} not found: run 'dvc repro download'") from None
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path} is no valid IDX file: {error}. Delete it and run 'dvc repro download'") from None
    if len(payload) != size:
        found = "more" if len(payload) > size else f"only {len(payload)}"
        raise UserError(
            f"{path}: expected {size} bytes for the shape {shape}, found {found}: delete it, download again"
        )
    return np.frombuffer(payload, np.uint8).reshape(shape)


def write(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array of unsigned bytes as a gzip-compressed IDX file; equal arrays give equal bytes.

    Give ``path`` a temporary name (files.replacing): it is written in place.
    """
    header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


def _shape(header: bytes, dimensions: int) -> tuple[int, ...]:
    """Return the shape that a header declares."""
    if len(header) < 4 + 4 * dimensions:
        raise ValueError(f"it ends within its header, after {len(header)} bytes")
    zero, code, rank = struct.unpack(">HBB", header[:4])
    if (zero, code, rank) != (0, UNSIGNED_BYTE, dimensions):
        raise ValueError(f"expected the magic number 0000{UNSIGNED_BYTE:02x}{dimensions:02x}, found {header[:4].hex()}")
    return struct.unpack(f">{dimensions}I", header[4:])
