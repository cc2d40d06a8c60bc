"""What REPRODUCTION.md gives as ours stands in the committed tables."""

import re

import pytest

from noisy_mnist import tables
from tools.workspace import ROOT

DOCUMENT = (ROOT / "REPRODUCTION.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ours, \[[\w -]+\]\((\S+\.csv)\), `(\w+)` \| (.+) \|$", DOCUMENT, flags=re.MULTILINE)


@pytest.mark.parametrize(("path", "model", "cells"), ROWS)
def test_accuracies_are_those_of_the_tables(path: str, model: str, cells: str) -> None:
    table = tables.read_csv(ROOT / path)
    rows = table[(table["model"] == model) & (table["split"] == "test")]
    expected = [f"{row['mean']:.4f} ± {row['ci95']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
    assert cells.split(" | ") == expected


def test_rows_of_weight_decay_are_those_of_the_table() -> None:
    table = tables.read_csv(ROOT / "plots/weight_decay_intervals.csv")
    for penalty, cells in re.findall(r"^\| ours, `(\w+)` \| (.+) \|$", DOCUMENT, flags=re.MULTILINE):
        rows = table[(table["penalty"] == penalty) & (table["split"] == "validation")]
        expected = [f"{row['mean']:.4f} ± {row['std']:.4f}".replace("0.", ".") for row in rows.to_dict("records")]
        assert cells.split(" | ") == expected
