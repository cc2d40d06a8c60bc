"""Small results as JSON and CSV. Writes are atomic, and equal content gives equal bytes."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError


def write_json(path: Path, content: Any) -> None:
    """Write plain data as indented JSON; NaN and infinity are refused with a ValueError, as JSON has neither."""
    with files.replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises UserError if it is missing or damaged."""
    with _readable(path):
        return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index; floats keep all their digits."""
    with files.replacing(path) as partial:
        table.to_csv(partial, index=False)


def read_csv(path: Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Return a table with exactly the floats that were written. Raises UserError if it is missing or damaged.

    text: columns to keep as strings, such as scales that name stages.
    """
    with _readable(path):
        # Only an empty field is a missing value: a model may be called "nan".
        return pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn errors in reading ``path`` into a UserError."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} not found: run the stage that writes it with 'dvc repro'") from None
    except (ValueError, RecursionError) as error:  # not JSON, not CSV, or not UTF-8
        raise UserError(f"{path} is damaged ({error}): delete it and run 'dvc repro'") from None
