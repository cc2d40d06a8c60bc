"""Small results: exact round trips, and no half-written file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noisy_mnist import tables


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
