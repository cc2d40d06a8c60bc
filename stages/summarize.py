"""Gather the scores and histories that params name into ``metrics/summary.json`` and the tables in ``plots``."""

import itertools
from pathlib import Path

import pandas as pd

from noisy_mnist import params, summary, tables
from noisy_mnist.params.data import DataParams
from noisy_mnist.params.grid import Grid, Scales
from noisy_mnist.stage import run


def main() -> None:
    """Read ``data/scores``, ``data/transfer`` and the histories in ``models``, write metrics and tables."""
    dataset = params.read(DataParams, "data").dataset
    grid = params.read(Grid, "train")
    cells = itertools.product(grid.models, params.read(Scales, "noise").names, grid.seeds)
    files = {(model, scale, seed): f"{model}/{scale}-{seed}" for model, scale, seed in cells}
    reports = {cell: tables.read_json(Path(f"data/scores/{file}.json")) for cell, file in files.items()}
    histories = {cell: tables.read_csv(Path(f"models/{file}.csv")) for cell, file in files.items()}
    as_written = {"train_scale": str, "test_scale": str}
    transfer = pd.concat([pd.read_csv(Path(f"data/transfer/{model}.csv"), dtype=as_written) for model in grid.models])

    tables.write_json(Path("metrics/summary.json"), {"dataset": dataset, "noise": summary.summarize(reports)})
    plots = Path("plots")
    tables.write_csv(plots / "accuracy_by_scale.csv", summary.accuracy_by_scale(reports))
    tables.write_csv(plots / "accuracy_intervals.csv", summary.accuracy_intervals(reports))
    tables.write_csv(plots / "confusion.csv", summary.confusion(reports))
    tables.write_csv(plots / "curves.csv", summary.curves(histories))
    tables.write_csv(plots / "transfer.csv", transfer)


if __name__ == "__main__":
    run(main)
