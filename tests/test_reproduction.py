"""What REPRODUCTION.md gives as ours stands in the committed tables."""

import json
import re

import pytest

from noisy_mnist import tables
from tools.workspace import ROOT

DOCUMENT = (ROOT / "REPRODUCTION.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ours\*?, \[[\w -]+\]\((\S+\.csv)\), `(\w+)` \| (.+) \|$", DOCUMENT, flags=re.MULTILINE)


def test_every_table_kept_for_it_is_shown() -> None:
    kept = {f"reproduction/{path.name}" for path in (ROOT / "reproduction").glob("*.csv")}
    assert kept == {path for path, _, _ in ROWS if path.startswith("reproduction/")}


@pytest.mark.parametrize(("path", "model", "cells"), ROWS)
def test_accuracies_are_those_of_the_tables(path: str, model: str, cells: str) -> None:
    table = tables.read_csv(ROOT / path)
    rows = table[(table["model"] == model) & (table["split"] == "test")]
    expected = [f"{row['mean']:.4f} ± {row['ci95']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
    assert [cell for cell in cells.split(" | ") if cell != "–"] == expected  # – is what was not run


def test_rows_of_weight_decay_are_those_of_the_table() -> None:
    table = tables.read_csv(ROOT / "plots/weight_decay_intervals.csv")
    found = re.findall(r"^\| ours, `(\w+)` \| (.+) \|$", DOCUMENT, flags=re.MULTILINE)
    assert [penalty for penalty, _ in found] == list(table["penalty"].unique())
    for penalty, cells in found:
        rows = table[(table["penalty"] == penalty) & (table["split"] == "validation")]
        expected = [f"{row['mean']:.4f} ± {row['std']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
        assert cells.split(" | ") == expected


def test_denoising_and_published_figures_are_those_of_the_summary() -> None:
    summary = json.loads((ROOT / "metrics/summary.json").read_text())
    denoise, digits = summary["denoise"], summary["new_digits"]
    start, end = (denoise["helps"][side] for side in ("from", "to"))
    kernel = summary["weight_decay"]["kernel"]
    assert kernel["factor"] == "0.0001"
    shown = [
        f"| {denoise['autoencoder_validation_loss']:.4f} |",
        f"| {start['level']:.3f} (95 % interval {start['low']:.3f} to {start['high']:.3f}) |",
        f"| {end['level']:.3f} ({end['low']:.3f} to {end['high']:.0f}) |",
        *(
            f"{denoise['levels'][level]['denoised']['accuracy']:.3f} at {level}"
            for level in ("0.2", "0.4", "0.5", "0.8")
        ),
        f"{digits['new']['intended']:.1%} read as meant".replace("%", " %"),
        "{mean:.4f} ± {ci95:.4f} (kernel 1e-4, n = {n})".format(**kernel["test_accuracy"]),
        *(
            "{mean:.4f} ± {ci95:.4f} (`{model}`".format(**summary["noise"][model]["0"]["accuracy"], model=model)
            for model in ("mlp", "cnn_bn", "cnn")
        ),
    ]
    short = [re.sub(r"\b0\.(?=\d{3})", ".", text) for text in shown]
    plain = re.sub(r"\b0\.(?=\d{3})", ".", DOCUMENT).replace("`, 8 epochs", "`")
    assert [text for text in short if text not in plain] == []
