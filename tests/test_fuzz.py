"""Arbitrary input: params.yaml and IDX files are accepted or refused with a message, and nothing else happens."""

import copy
import gzip
import io
import os
import re
import shlex
import struct
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from noisy_mnist.datasets import idx
from noisy_mnist.denoising import params as denoising

# Number of inputs of each kind to try; raise it for a long run.
INPUTS = int(os.environ.get("INPUTS", "100"))
SETTINGS = settings(max_examples=INPUTS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
OWN = YAML(typ="safe").load((Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8"))

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates(), st.binary(max_size=8),
    st.sampled_from(["$(touch pwned)", "; touch pwned", "`id`", "a b", "../x", "${models}", "nan", "null", "0.10"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(max_size=8), some, max_size=4),
    max_leaves=8,
)


def paths(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in nested data."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield (*at, key)
        yield from paths(value, (*at, key))


PATHS = list(paths(OWN))


def put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set a value in nested data."""
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


def check(content: bytes) -> study.Params | str:
    """Return the params in ``content`` as params.yaml, or the message that it is refused with."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("params.yaml").write_bytes(content)
        try:
            return study.check()
        except UserError as error:
            return str(error)


def dump(data: Any) -> bytes:
    """Return data as YAML."""
    stream = io.BytesIO()
    YAML(typ="safe").dump(data, stream)
    return stream.getvalue()


def assert_no_run_is_lost(params: study.Params) -> None:
    """Assert that the names of each axis are distinct, and safe in a shell and as file names."""
    models, scales, seeds = params.grid.models, params.grid.scales, params.grid.seeds
    decay, denoise = params.weight_decay, params.denoise
    for axis in (models, scales, seeds, decay.penalties, decay.factors, decay.seeds, denoise.control_levels):
        names = [str(item) for item in axis]
        assert names
        assert len(set(names)) == len(names)
        assert all(shlex.quote(name) == name and "/" not in name for name in names)
        if axis not in (models, decay.penalties):
            assert len({float(name) for name in names}) == len(names)
    assert {*models, decay.model} <= set(params.models)
    assert denoise.classifier in models
    assert denoise.seed in seeds
    levels = {denoising.name(level) for level in denoising.evenly_spaced(denoise.levels)}
    assert len(levels) == denoise.levels
    assert {denoising.name(level) for level in denoise.control_levels} <= levels
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in params.models)


@SETTINGS
@given(path=st.sampled_from(PATHS), value=VALUES)
@example(path=("grid", "models"), value=["mlp", "$(touch pwned)"])
@example(path=("grid", "scales"), value=[0, 0.1, 0.10])
@example(path=("grid", "scales"), value=[0, 1, True])
@example(path=("denoise", "levels"), value=3)
@example(path=("denoise", "control_levels"), value=[0.2, 0.20])
@example(path=("weight_decay", "factors"), value=[1e-6, 0.000001])
@example(path=("models", "mlp", "epochs"), value=10**30)
def test_any_value_anywhere_is_accepted_or_refused_with_its_key(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(OWN)
    put(data, path, value)
    found = check(dump(data))
    if isinstance(found, str):
        assert ".".join(str(part) for part in path[:2]) in found, (path, found)
    else:
        assert_no_run_is_lost(found)


@SETTINGS
@given(
    path=st.sampled_from([(), *(path for path in PATHS if isinstance(path[-1], str))]),
    key=st.text(max_size=12),
    value=VALUES,
)
@example(path=("models",), key="a; touch pwned", value=OWN["models"]["mlp"])
def test_any_added_key_is_accepted_or_refused_with_a_message(path: tuple[Any, ...], key: str, value: Any) -> None:
    data: Any = copy.deepcopy(OWN)
    inner = data
    for part in path:
        inner = inner[part]
    if not isinstance(inner, dict) or key in inner:
        return
    inner[key] = value
    found = check(dump(data))
    if isinstance(found, str):
        assert found.startswith("params.yaml")
        assert not key.isidentifier() or key in found
    else:
        assert path == ("models",)  # the only place where a key may be added
        assert_no_run_is_lost(found)


@SETTINGS
@given(path=st.sampled_from(PATHS))
def test_any_removed_key_or_item_is_accepted_or_refused_with_its_key(path: tuple[Any, ...]) -> None:
    data: Any = copy.deepcopy(OWN)
    inner = data
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    found = check(dump(data))
    if isinstance(found, str):
        # If a model is removed, the message names it and the key that refers to it.
        assert all(str(part) in found for part in path[:2]), (path, found)
    else:
        assert_no_run_is_lost(found)


@SETTINGS
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_params_are_refused_with_a_message(content: bytes) -> None:
    found = check(content)
    assert isinstance(found, str)
    assert found.startswith("params.yaml")


@SETTINGS
@given(cut=st.integers(0, 10_000), instead=st.text(max_size=6))
def test_a_damaged_params_file_is_accepted_or_refused_with_a_message(cut: int, instead: str) -> None:
    text = (Path(__file__).parents[1] / "params.yaml").read_text(encoding="utf-8")
    at = cut % len(text)
    found = check((text[:at] + instead + text[at + len(instead) :]).encode("utf-8", "surrogatepass"))
    if isinstance(found, str):
        assert found.startswith("params.yaml")
    else:
        assert_no_run_is_lost(found)


ARRAYS = st.builds(
    lambda shape, seed: np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8),
    st.lists(st.integers(0, 6), min_size=1, max_size=3),
    st.integers(0, 2**32 - 1),
)


def read(content: bytes, dimensions: int) -> np.ndarray | None:
    """Return the array of an IDX file with this content, or None if it is refused with a message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "array.gz"
        path.write_bytes(content)
        try:
            return idx.read(path, dimensions)
        except UserError as refused:
            message = str(refused)
        assert str(path) in message
        return None


def written(array: np.ndarray) -> bytes:
    """Return an array as the bytes of an IDX file."""
    with tempfile.TemporaryDirectory() as folder:
        idx.write(Path(folder) / "array.gz", array)
        return (Path(folder) / "array.gz").read_bytes()


@SETTINGS
@given(array=ARRAYS)
def test_any_array_comes_back(array: np.ndarray) -> None:
    found = read(written(array), array.ndim)
    assert found is not None
    np.testing.assert_array_equal(found, array, strict=True)


@SETTINGS
@given(array=ARRAYS, at=st.integers(0, 10_000), size=st.integers(0, 4), instead=st.binary(max_size=6))
def test_any_mutation_of_a_file_gives_the_array_or_a_message(
    array: np.ndarray, at: int, size: int, instead: bytes
) -> None:
    content = written(array)
    at %= len(content)
    found = read(content[:at] + instead + content[at + size :], array.ndim)
    if found is not None:
        np.testing.assert_array_equal(found, array, strict=True)


@SETTINGS
@given(array=ARRAYS, at=st.integers(0, 15), byte=st.integers(0, 255))
def test_any_other_header_gives_all_bytes_in_its_shape_or_a_message(array: np.ndarray, at: int, byte: int) -> None:
    plain = bytearray(gzip.decompress(written(array)))
    plain[at % (4 + 4 * array.ndim)] = byte
    found = read(gzip.compress(bytes(plain)), array.ndim)
    if found is not None:
        assert found.tobytes() == array.tobytes()
        assert list(found.shape) == list(struct.unpack_from(f">{array.ndim}I", plain, 4))


@SETTINGS
@given(content=st.binary(max_size=64), dimensions=st.sampled_from([1, 3]))
def test_any_bytes_as_an_idx_file_give_a_message(content: bytes, dimensions: int) -> None:
    for part in (content, gzip.compress(content), gzip.compress(content) * 2):
        assert read(part, dimensions) is None


@pytest.mark.parametrize("shape", [(2**31, 2**9), (2**20, 2**20), (1, 10)])
def test_neither_a_false_header_nor_a_gzip_bomb_costs_memory(shape: tuple[int, int]) -> None:
    """Headers of 2^40 items, and one of ten items before 64 MiB of zeros that take 64 KiB when compressed."""
    content = gzip.compress(struct.pack(">HBBII", 0, 8, 2, *shape) + bytes(2**26))
    tracemalloc.start()
    assert read(content, 2) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
