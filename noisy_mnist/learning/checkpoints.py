"""Checkpoints: the last finished epoch of a training, to resume from, deleted when no longer needed."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from noisy_mnist.core import files, tables
from noisy_mnist.core.errors import UserError

# Holds ``<run>.npz`` for each training whose history will be ``data/<run>.csv``.
FOLDER = Path("checkpoints")

Row = dict[str, Any]  # of a history: epoch, split, accuracy, loss


def store(path: Path, state: Sequence[NDArray[Any]], history: list[Row], fingerprint: str) -> None:
    """Write the full state of a model and its optimizer, and the history, as one file.

    fingerprint: the digest of everything they depend on.
    """
    with files.replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, *state, fingerprint=fingerprint, history=json.dumps(history))


def restore(path: Path, fingerprint: str) -> tuple[list[NDArray[Any]], list[Row]] | None:
    """Return the state and history in a checkpoint, or None if there is none or its fingerprint differs.

    Raises UserError if the file is damaged.
    """
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["fingerprint"]) != fingerprint:
                return None
            names = [name for name in stored.files if name.startswith("arr_")]
            history: list[Row] = json.loads(str(stored["history"]))
            return [stored[name] for name in names], history
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}): delete it, and the training starts again") from None


def drop_finished(checkpoints: Path, results: Path) -> None:
    """Delete the checkpoints of trainings whose complete history is among the results.

    checkpoints: a folder of ``<run>.npz``. results: a folder of ``<run>.csv``. Checkpoints of unfinished trainings, or
    of the same run with other params, are kept. So are damaged ones, which the training itself reports.
    """
    for checkpoint in checkpoints.rglob("*.npz"):
        if _is_history(checkpoint, results / checkpoint.relative_to(checkpoints).with_suffix(".csv")):
            checkpoint.unlink(missing_ok=True)


def _is_history(checkpoint: Path, table: Path) -> bool:
    """Return whether a table is the history in a checkpoint."""
    try:
        with np.load(checkpoint, allow_pickle=False) as stored:
            history = pd.DataFrame(json.loads(str(stored["history"])))
        return bool(history.equals(tables.read_csv(table)))
    except (UserError, ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return False
