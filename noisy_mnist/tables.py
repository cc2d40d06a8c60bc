"""Reading and writing the small results: JSON and CSV, whole or not at all, and the same bytes for equal content."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from noisy_mnist import files


def write_json(path: Path, content: Any) -> None:
    """Write plain data as indented JSON; NaN and infinity are refused with a ValueError, as JSON has neither."""
    with files.replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index; floats keep all their digits."""
    with files.replacing(path) as partial:
        table.to_csv(partial, index=False)


def read_csv(path: Path) -> pd.DataFrame:
    """Return a table with exactly the floats that were written."""
    return pd.read_csv(path)
