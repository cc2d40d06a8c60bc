"""What trainings leave to go on from (see training.fit), and when it is no longer needed."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist import tables
from noisy_mnist.errors import UserError


def drop_finished(backups: Path, results: Path) -> None:
    """Delete the backups of trainings whose whole history stands among the results.

    backups: a folder of ``<cell>.npz``. results: a folder of ``<cell>.csv``. A backup of a training that is not at its
    end, or of the same cell with other params, stays; so does a damaged one, which the training itself will name.
    """
    for backup in backups.rglob("*.npz"):
        if _is_history(backup, results / backup.relative_to(backups).with_suffix(".csv")):
            backup.unlink(missing_ok=True)


def _is_history(backup: Path, table: Path) -> bool:
    """Return whether a table is the history in a backup."""
    try:
        with np.load(backup, allow_pickle=False) as stored:
            history = pd.DataFrame(json.loads(str(stored["history"])))
        return bool(history.equals(tables.read_csv(table)))
    except (UserError, ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        return False
