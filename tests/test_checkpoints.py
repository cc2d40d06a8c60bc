"""Checkpoints: they hold what was stored, and are deleted only once their training has its result."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from noisy_mnist.core import tables
from noisy_mnist.core.errors import UserError
from noisy_mnist.learning import checkpoints

HISTORY = [
    {"epoch": epoch, "split": split, "accuracy": epoch / 3, "loss": 1 / (epoch + 0.1)}
    for epoch in (1, 2)
    for split in ("train", "validation")
]


def test_state_and_history_come_back_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    state = [rng.random((index, 3), dtype=np.float32) for index in range(12)]  # as names, 10 sorts before 2
    state.append(np.array(7, np.int64))
    path = tmp_path / "history/mlp/0.5-0.npz"
    checkpoints.store(path, state, HISTORY, "f")
    found = checkpoints.restore(path, "f")
    assert found is not None
    for stored, restored in zip(state, found[0], strict=True):
        np.testing.assert_array_equal(restored, stored, strict=True)
    assert found[1] == HISTORY
    assert [file.name for file in path.parent.iterdir()] == ["0.5-0.npz"]


def test_there_is_nothing_to_resume_from_without_a_checkpoint_of_this_training(tmp_path: Path) -> None:
    path = tmp_path / "0.5-0.npz"
    assert checkpoints.restore(path, "f") is None
    checkpoints.store(path, [np.zeros(3)], HISTORY, "f")
    assert checkpoints.restore(path, "g") is None
    assert path.exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "another archive"])
def test_damaged_checkpoint_is_named(damage: str, tmp_path: Path) -> None:
    path, other = tmp_path / "damaged.npz", tmp_path / "other.npz"
    checkpoints.store(path, [np.zeros(3)], HISTORY, "f")
    np.savez(other, np.zeros(3))
    contents = {
        "truncated": path.read_bytes()[:-200],
        "text": b"no checkpoint\n",
        "empty": b"",
        "another archive": other.read_bytes(),
    }
    path.write_bytes(contents[damage])
    with pytest.raises(UserError, match=r"(?s)damaged\.npz is damaged.*delete it, and the training starts again"):
        checkpoints.restore(path, "f")


def test_only_the_checkpoint_of_a_finished_training_is_deleted(tmp_path: Path) -> None:
    runs = {
        "mlp/0.5-0": HISTORY,
        "weight_decay/kernel-1e-06-0": HISTORY,
        "mlp/1-0": HISTORY[:2],  # killed after one epoch; the result is of an earlier run
        "mlp/2-0": HISTORY,  # finished, but dvc could not record the result, and removed it
        "autoencoder": [{**row, "loss": 1.0} for row in HISTORY],  # of a training with other params
    }
    for run, history in runs.items():
        path = tmp_path / "checkpoints" / f"{run}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, np.zeros(3), fingerprint="f", history=json.dumps(history))
    (tmp_path / "checkpoints/mlp/4-0.npz").write_bytes(b"no archive")
    for result in (
        "data/mlp/0.5-0",
        "data/mlp/1-0",
        "data/mlp/4-0",
        "data/weight_decay/kernel-1e-06-0",
        "data/autoencoder",
    ):
        tables.write_csv(tmp_path / f"{result}.csv", pd.DataFrame(HISTORY))

    checkpoints.drop_finished(tmp_path / "checkpoints", tmp_path / "data")
    left = {path.relative_to(tmp_path / "checkpoints").as_posix() for path in tmp_path.glob("checkpoints/**/*.npz")}
    assert left == {"mlp/1-0.npz", "mlp/2-0.npz", "mlp/4-0.npz", "autoencoder.npz"}
