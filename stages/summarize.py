"""Gather the results that params name into ``metrics/summary.json`` and the tables in ``plots``."""

import itertools
from pathlib import Path
from typing import Any

import pandas as pd

from noisy_mnist import backups, params, studies, summary, tables
from noisy_mnist.params.data import DataParams
from noisy_mnist.params.denoise import ControlLevels
from noisy_mnist.params.grid import Grid, Scales
from noisy_mnist.params.weight_decay import WeightDecayGrid
from noisy_mnist.stage import run

DATA = Path("data")


def main() -> None:
    """Read the results in ``data``, write metrics and tables."""
    dataset = params.read(DataParams, "data").dataset
    scales = params.read(Scales, "noise").names
    limits = {scale: tables.read_json(DATA / "limit" / f"{scale}.json") for scale in scales}
    noise, intervals = noise_study(scales)
    denoised = {scale: tables.read_json(DATA / "denoise_scale" / f"{scale}.json") for scale in scales}
    compared = studies.what_helps(intervals, denoised, limits)

    write("limit", studies.limit(limits))
    write("what_helps", compared)
    parts = {
        "noise": noise,
        "what_helps": studies.distances(compared),
        "weight_decay": weight_decay(),
        "denoise": denoise(),
        "new_digits": new_digits(),
    }
    tables.write_json(Path("metrics/summary.json"), {"dataset": dataset, **parts})
    backups.drop_finished(Path("backups"), DATA)  # dvc has recorded what it runs this stage on


def noise_study(scales: list[str]) -> tuple[dict[str, Any], pd.DataFrame]:
    """Write the tables of the noise study, return its part of the summary and the accuracies with intervals."""
    grid = params.read(Grid, "train")
    cells = itertools.product(grid.models, scales, grid.seeds)
    files = {(model, scale, seed): f"{model}/{scale}-{seed}" for model, scale, seed in cells}
    reports = {cell: tables.read_json(DATA / "scores" / f"{file}.json") for cell, file in files.items()}
    histories = {cell: tables.read_csv(DATA / "history" / f"{file}.csv") for cell, file in files.items()}
    transfer = {
        cell: tables.read_csv(DATA / "transfer" / f"{file}.csv", text=["test_scale"]) for cell, file in files.items()
    }
    intervals = summary.accuracy_intervals(reports)
    write("accuracy_by_scale", summary.accuracy_by_scale(reports))
    write("accuracy_intervals", intervals)
    write("confusion", summary.confusion(reports))
    write("curves", summary.curves(histories))
    write("transfer", summary.transfer(transfer))
    return summary.summarize(reports), intervals


def weight_decay() -> dict[str, Any]:
    """Write the table of the weight decay study, return its part of the summary."""
    grid = params.read(WeightDecayGrid, "weight_decay")
    factors = [str(factor) for factor in grid.factors]
    cells: list[studies.Penalised] = list(itertools.product(grid.penalties, factors, grid.seeds))
    reports = {cell: tables.read_json(DATA / "weight_decay" / "{}-{}-{}.json".format(*cell)) for cell in cells}
    choice = studies.weight_decay_choice(reports)
    write("weight_decay", studies.weight_decay(reports))
    write("weight_decay_intervals", studies.weight_decay_intervals(reports, choice))
    return choice


def denoise() -> dict[str, Any]:
    """Write the tables of the denoising study, return its part of the summary."""
    levels = [str(level) for level in params.read(ControlLevels, "denoise").control_levels]
    control = {level: tables.read_json(DATA / "denoise_control" / f"{level}.json") for level in levels}
    written = (DATA / "denoise" / f"{name}.csv" for name in ("scores", "gains"))
    scores, gains = (tables.read_csv(path, text=["level"]) for path in written)
    write("denoise", scores)
    write("denoise_control", studies.denoise_control(control))
    return studies.denoise(scores, gains, control, tables.read_csv(DATA / "history/autoencoder.csv"))


def new_digits() -> dict[str, Any]:
    """Write the table of the new digits, return their part of the summary."""
    scores = tables.read_csv(DATA / "synthesize/scores.csv")
    write("new_digits", scores)
    return {row.pop("images"): row for row in scores.to_dict("records")}


def write(name: str, table: pd.DataFrame) -> None:
    """Write a table to ``plots``."""
    tables.write_csv(Path("plots") / f"{name}.csv", table)


if __name__ == "__main__":
    run(main)
