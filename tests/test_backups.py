"""Backups go when the training that they belong to has its result, and not before."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from noisy_mnist import backups, tables

HISTORY = [
    {"epoch": epoch, "split": split, "accuracy": epoch / 3, "loss": 1 / (epoch + 0.1)}
    for epoch in (1, 2)
    for split in ("train", "validation")
]


def test_only_the_backup_of_a_finished_training_goes(tmp_path: Path) -> None:
    cells = {
        "mlp/0.5-0": HISTORY,
        "weight_decay/kernel-1e-06-0": HISTORY,
        "mlp/1-0": HISTORY[:2],  # killed after one epoch; the result is of an earlier run
        "mlp/2-0": HISTORY,  # finished, but dvc could not record the result, and removed it
        "autoencoder": [{**row, "loss": 1.0} for row in HISTORY],  # with other params
    }
    for cell, history in cells.items():
        path = tmp_path / "backups" / f"{cell}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, np.zeros(3), fingerprint="f", history=json.dumps(history))
    (tmp_path / "backups/mlp/4-0.npz").write_bytes(b"no archive")
    for result in (
        "data/mlp/0.5-0",
        "data/mlp/1-0",
        "data/mlp/4-0",
        "data/weight_decay/kernel-1e-06-0",
        "data/autoencoder",
    ):
        tables.write_csv(tmp_path / f"{result}.csv", pd.DataFrame(HISTORY))

    backups.drop_finished(tmp_path / "backups", tmp_path / "data")
    left = {path.relative_to(tmp_path / "backups").as_posix() for path in tmp_path.glob("backups/**/*.npz")}
    assert left == {"mlp/1-0.npz", "mlp/2-0.npz", "mlp/4-0.npz", "autoencoder.npz"}
