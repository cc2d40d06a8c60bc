"""Small results: exact round trips, no half-written file, and damaged ones named."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.core.errors import UserError


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    table = pd.DataFrame({"value": np.random.default_rng(0).random(1000) ** 8})
    tables.write_csv(tmp_path / "table.csv", table)
    np.testing.assert_array_equal(tables.read_csv(tmp_path / "table.csv")["value"], table["value"])


def test_json_round_trip_and_no_nan(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None], "b": {"c": "é"}}
    tables.write_json(tmp_path / "a.json", content)
    assert tables.read_json(tmp_path / "a.json") == content
    with pytest.raises(ValueError, match="not JSON compliant"):
        tables.write_json(tmp_path / "b.json", {"x": float("nan")})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_csv_keeps_text_columns_as_written(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("scale,value\n0.10,0.10\n1e-06,1e-06\n0,0\n")
    table = tables.read_csv(path, text=("scale",))
    assert table["scale"].tolist() == ["0.10", "1e-06", "0"]
    assert table["value"].tolist() == [0.1, 1e-6, 0.0]


def test_only_an_empty_field_is_a_missing_value(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("model,psnr\nnan,\nnull,20.5\n")
    table = tables.read_csv(path)
    assert table["model"].tolist() == ["nan", "null"]
    assert table["psnr"].isna().tolist() == [True, False]


@pytest.mark.parametrize("read", [tables.read_json, tables.read_csv])
def test_missing_file_is_named(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "none"
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))} not found: run .*'dvc repro'$"):
        read(path)


@pytest.mark.parametrize(
    ("read", "content"),
    [
        pytest.param(tables.read_json, b"", id="empty JSON"),
        pytest.param(tables.read_json, b'{"a": [1, 2', id="truncated JSON"),
        pytest.param(tables.read_json, '{"a": "é"}'.encode("latin-1"), id="JSON that is not UTF-8"),
        pytest.param(tables.read_json, b"[" * 10**5, id="JSON nested too deeply"),
        pytest.param(tables.read_csv, b"", id="empty CSV"),
        pytest.param(tables.read_csv, "a,b\né,1\n".encode("latin-1"), id="CSV that is not UTF-8"),
        pytest.param(tables.read_csv, b"a,b\n1,2\n1,2,3,4\n", id="CSV with a row too long"),
    ],
)
def test_damaged_file_is_named(read: Callable[[Path], Any], content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"(?s)^{re.escape(str(path))} is damaged .*delete it and run 'dvc repro'$"):
        read(path)
