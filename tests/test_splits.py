"""Splits on disk: what is saved is what is loaded, into memory or by memory map, and damage is named."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noisy_mnist.core.errors import UserError
from noisy_mnist.data import splits

N = 23


@pytest.fixture(params=["memory", "memory map"])
def mapped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Make ``load`` read into memory, or by memory map; return whether it maps."""
    maps = request.param == "memory map"
    monkeypatch.setattr(splits, "IN_MEMORY_BYTES", 0 if maps else 2**30)
    monkeypatch.setattr(splits, "TAKE", 3)
    return maps


@pytest.fixture(params=[np.uint8, np.float16])
def images(request: pytest.FixtureRequest) -> NDArray[Any]:
    """Return random images (N, 28, 28) of each of the two types that the pipeline stores."""
    values = np.random.default_rng(0).normal(size=(N, 28, 28)) * 50 + 100
    return values.clip(0, 255).astype(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one split, ``train``."""
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (N, 28, 28), dtype=np.uint8)
    splits.save(tmp_path / "split", "train", [images], labels(), np.uint8)
    return tmp_path / "split"


def labels() -> NDArray[np.uint8]:
    return (np.arange(N) % 10).astype(np.uint8)


@pytest.mark.parametrize("block", [1, 5, N, 100])
def test_round_trip_in_blocks(tmp_path: Path, images: NDArray[Any], mapped: bool, block: int) -> None:
    blocks = (images[start : start + block] for start in range(0, N, block))
    splits.save(tmp_path, "test", blocks, labels(), images.dtype.type)
    split = splits.load(tmp_path, "test")
    assert isinstance(split.images, np.memmap) == mapped
    np.testing.assert_array_equal(np.asarray(split.images), images, strict=True)
    np.testing.assert_array_equal(split.labels, labels(), strict=True)


def test_files_are_as_numpy_writes_them(tmp_path: Path, images: NDArray[Any]) -> None:
    splits.save(tmp_path, "test", [images[:9], images[9:]], labels(), images.dtype.type)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", labels())
    for name in ("images", "labels"):
        assert (tmp_path / f"test_{name}.npy").read_bytes() == (tmp_path / f"{name}.npy").read_bytes()


def test_blocks_that_are_not_contiguous_are_saved_in_order(tmp_path: Path, images: NDArray[Any]) -> None:
    splits.save(tmp_path, "test", [np.asfortranarray(images)], labels(), images.dtype.type)
    np.testing.assert_array_equal(splits.load(tmp_path, "test").images, images)


@pytest.mark.parametrize(
    "chosen",
    [slice(0, 4), slice(4, 4), slice(20, 40), slice(None), slice(1, 20, 3), [3], [5, 2, 2, 19], []],
    ids=str,
)
def test_take_equals_plain_indexing(
    tmp_path: Path, images: NDArray[Any], mapped: bool, chosen: slice | list[int]
) -> None:
    index = np.array(chosen, np.int64) if isinstance(chosen, list) else chosen
    splits.save(tmp_path, "test", [images], labels(), images.dtype.type)
    split = splits.load(tmp_path, "test")
    assert isinstance(split.images, np.memmap) == mapped
    for source in (split.images, split.first(N - 3).images):
        plain = images[: len(source)][index]
        for _ in range(2):  # releasing the pages must not lose them
            taken = splits.take(source, index)
            assert type(taken) is np.ndarray
            assert not np.shares_memory(taken, source)
            np.testing.assert_array_equal(taken, plain, strict=True)


def test_loaded_memory_map_cannot_change_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "IN_MEMORY_BYTES", 0)
    with pytest.raises(ValueError, match="read-only"):
        splits.load(folder, "train").images[0] = 0


def test_first_gives_all_if_there_are_fewer(folder: Path) -> None:
    whole = splits.load(folder, "train")
    for n, expected in ((0, 0), (3, 3), (N, N), (N + 1, N)):
        first = whole.first(n)
        np.testing.assert_array_equal(first.images, whole.images[:expected], strict=True)
        np.testing.assert_array_equal(first.labels, whole.labels[:expected], strict=True)


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.usefixtures("mapped")
def test_missing_file_is_named(folder: Path, part: str) -> None:
    (folder / f"train_{part}.npy").unlink()
    with pytest.raises(UserError, match=rf"train_{part}\.npy not found.*dvc repro"):
        splits.load(folder, "train")


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.usefixtures("mapped")
def test_file_cut_anywhere_is_refused(folder: Path, part: str) -> None:
    path = folder / f"train_{part}.npy"
    whole = path.read_bytes()
    for length in [*range(131), len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"train.*dvc repro"):
            splits.load(folder, "train")


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.filterwarnings("ignore:Reading `.npy`")
def test_a_flipped_bit_in_the_header_is_refused_or_harmless(folder: Path, part: str) -> None:
    path = folder / f"train_{part}.npy"
    whole = path.read_bytes()
    refused = 0
    for position in range(whole.index(b"}") + 1):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            assert splits.load(folder, "train").images.shape == (N, 28, 28)
        except UserError:
            refused += 1
    assert refused > 40


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("content", [b"<html></html>", b"PK\x03\x04 not a zip", b"\x93NUMPY\x09\x00", b"\0" * 200])
@pytest.mark.usefixtures("mapped")
def test_file_that_is_not_an_array_is_refused(folder: Path, part: str, content: bytes) -> None:
    (folder / f"train_{part}.npy").write_bytes(content)
    with pytest.raises(UserError, match=r"train.*dvc repro"):
        splits.load(folder, "train")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(labels()[:-1], id="too few"),
        pytest.param(np.append(labels(), np.uint8(0)), id="too many"),
        pytest.param(labels().reshape(1, N), id="a row"),
        pytest.param(labels().reshape(N, 1), id="a column"),
        pytest.param(np.array(3, np.uint8), id="one number"),
    ],
)
@pytest.mark.usefixtures("mapped")
def test_labels_that_do_not_belong_to_the_images_are_refused(folder: Path, wrong: NDArray[np.uint8]) -> None:
    np.save(folder / "train_labels.npy", wrong)
    with pytest.raises(UserError, match="train"):
        splits.load(folder, "train")


@pytest.mark.parametrize("shape", [(N, 784), (N, 28, 27), (N, 28, 28, 1), ()])
@pytest.mark.usefixtures("mapped")
def test_images_of_another_shape_are_refused(folder: Path, shape: tuple[int, ...]) -> None:
    np.save(folder / "train_images.npy", np.zeros(shape, np.uint8))
    with pytest.raises(UserError, match="train"):
        splits.load(folder, "train")


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        """Remember which file."""
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell pickle how to restore this object: by creating the file."""
        return Path.touch, (self.path,)


@pytest.mark.parametrize("part", ["images", "labels"])
@pytest.mark.parametrize("form", ["array", "bare pickle"])
@pytest.mark.usefixtures("mapped")
def test_nothing_is_unpickled(tmp_path: Path, folder: Path, part: str, form: str) -> None:
    sprung = tmp_path / "sprung"
    trap = np.array([Trap(sprung)] * N, dtype=object)
    path = folder / f"train_{part}.npy"
    if form == "array":
        np.save(path, trap, allow_pickle=True)
    else:
        path.write_bytes(pickle.dumps(Trap(sprung)))
        pickle.loads(path.read_bytes())  # noqa: S301  the trap works
        sprung.unlink()
    with pytest.raises(UserError, match="train"):
        splits.load(folder, "train")
    assert not sprung.exists()


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
@pytest.mark.parametrize("n", [1, 7, splits.CHUNK + 3])
def test_moments_are_those_of_all_pixels_as_the_network_gets_them(dtype: type, n: int) -> None:
    images = (np.random.default_rng(0).random((n, 28, 28)) * 255).astype(dtype)
    pixels = splits.scaled(images).astype(np.float64)
    assert splits.moments(images) == pytest.approx((pixels.mean(), pixels.std()))
