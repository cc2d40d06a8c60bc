"""The IDX format: a round trip, equal bytes, and a plain message for every kind of damage."""

import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError
from noisy_mnist.datasets import idx

ARRAY = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
# Written out by hand from the format's description, not by idx.write.
CONTENT = bytes.fromhex("00000803 00000005 00000004 00000003") + ARRAY.tobytes()


def header(*shape: int, zero: int = 0, code: int = 8) -> bytes:
    """Return the header of an array of that shape."""
    return struct.pack(f">HBB{len(shape)}I", zero, code, len(shape), *shape)


def stored(tmp_path: Path, content: bytes) -> Path:
    """Write bytes to a file and return its path."""
    path = tmp_path / "array.gz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("shape", [(7,), (0,), (3, 5), (5, 4, 3), (0, 28, 28), (2, 28, 28)])
def test_round_trip(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    idx.write(tmp_path / "array.gz", array)
    found = idx.read(tmp_path / "array.gz", dimensions=len(shape))
    np.testing.assert_array_equal(found, array, strict=True)


def test_writes_the_format_as_published(tmp_path: Path) -> None:
    idx.write(tmp_path / "array.gz", ARRAY)
    assert gzip.decompress((tmp_path / "array.gz").read_bytes()) == CONTENT


def test_reads_the_format_as_published(tmp_path: Path) -> None:
    np.testing.assert_array_equal(idx.read(stored(tmp_path, gzip.compress(CONTENT)), 3), ARRAY, strict=True)


@pytest.mark.parametrize("view", [ARRAY, np.asfortranarray(ARRAY), np.repeat(ARRAY, 2, axis=2)[:, :, ::2]])
def test_equal_arrays_give_equal_bytes(tmp_path: Path, view: NDArray[np.uint8]) -> None:
    idx.write(tmp_path / "first.gz", ARRAY)
    idx.write(tmp_path / "second.gz", view)
    assert (tmp_path / "first.gz").read_bytes() == (tmp_path / "second.gz").read_bytes()
    assert (tmp_path / "first.gz").read_bytes()[3:8] == bytes(5)  # no name and no time in the gzip header


def test_several_gzip_members_read_as_one(tmp_path: Path) -> None:
    content = b"".join(gzip.compress(part) for part in (CONTENT[:10], CONTENT[10:16], CONTENT[16:17], CONTENT[17:]))
    np.testing.assert_array_equal(idx.read(stored(tmp_path, content), 3), ARRAY, strict=True)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(header(5, 4, 3, zero=1) + ARRAY.tobytes(), id="first bytes not zero"),
        pytest.param(header(5, 4, 3, code=9) + ARRAY.tobytes(), id="signed bytes"),
        pytest.param(header(5, 4, 3, code=13) + ARRAY.tobytes(), id="floats"),
        pytest.param(header(5, 12) + ARRAY.tobytes(), id="two dimensions"),
        pytest.param(header(5, 4, 3, 1) + ARRAY.tobytes(), id="four dimensions"),
        pytest.param(header(60) + ARRAY.tobytes(), id="one dimension"),
        pytest.param(CONTENT + b"\0", id="one byte more"),
        pytest.param(CONTENT + CONTENT, id="twice"),
        pytest.param(header(5, 4, 2**32 - 1) + ARRAY.tobytes(), id="a vast dimension"),
        pytest.param(b"<html><body>Not found</body></html>", id="compressed HTML"),
    ],
)
def test_damaged_content_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match=r"array\.gz"):
        idx.read(stored(tmp_path, gzip.compress(content)), 3)


def test_content_cut_anywhere_is_refused(tmp_path: Path) -> None:
    for length in range(len(CONTENT)):
        with pytest.raises(UserError, match=r"array\.gz"):
            idx.read(stored(tmp_path, gzip.compress(CONTENT[:length])), 3)


def test_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(CONTENT, mtime=0)
    for length in range(len(whole)):
        with pytest.raises(UserError, match=r"array\.gz"):
            idx.read(stored(tmp_path, whole[:length]), 3)


def test_a_flipped_bit_never_gives_another_array(tmp_path: Path) -> None:
    whole = gzip.compress(CONTENT, mtime=0)
    refused = 0
    for position in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            try:
                found = idx.read(stored(tmp_path, bytes(flipped)), 3)
            except UserError:
                refused += 1
            else:
                np.testing.assert_array_equal(found, ARRAY, strict=True)
    assert refused >= 8 * (len(whole) - 10)  # the gzip header holds bytes without a meaning here: time, system


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html></html>", CONTENT, b"\x1f\x8b", b"\0" * 100])
def test_what_is_not_gzip_is_refused_and_the_file_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError, match=r"array\.gz.*dvc repro download"):
        idx.read(stored(tmp_path, content), 3)


def test_bytes_after_the_gzip_stream_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"array\.gz"):
        idx.read(stored(tmp_path, gzip.compress(CONTENT) + b"<html>"), 3)


def test_missing_file_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"array\.gz not found.*dvc repro download"):
        idx.read(tmp_path / "array.gz", 3)


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path) -> None:
    payload = bytes(2**25)  # 32 MiB of zeros take 32 KiB when compressed
    path = stored(tmp_path, gzip.compress(header(2**14, 2**13, 2**13) + payload, compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=f"{2**40} bytes"):
            idx.read(path, 3)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_the_limit_itself_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(tmp_path, gzip.compress(CONTENT))
    monkeypatch.setattr(idx, "MAX_BYTES", ARRAY.size)
    assert idx.read(path, 3).size == ARRAY.size
    monkeypatch.setattr(idx, "MAX_BYTES", ARRAY.size - 1)
    with pytest.raises(UserError, match="at most"):
        idx.read(path, 3)
