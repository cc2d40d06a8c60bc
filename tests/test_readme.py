"""The README's table is the committed results', and what it tells people to type exists."""

import json
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from noisy_mnist import tables
from noisy_mnist.params import study
from noisy_mnist.params.study import Params
from tools.workspace import ROOT, change_params

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_table_equals_the_committed_results() -> None:
    """And shows in bold what is best at each scale; the limit is no net."""
    table = tables.read_csv(ROOT / "plots/what_helps.csv")
    found = dict(re.findall(r"^\| `(\w+)` \| ([.\d* |±]+) \|$", README, flags=re.MULTILINE))
    assert list(found) == list(table["approach"].unique())
    best = table[table["approach"] != "limit"].groupby("scale")["accuracy"].max()
    for approach, rows in table.groupby("approach"):
        expected = []
        for row in rows.to_dict("records"):
            shown = f"{row['accuracy']:.4f} ± {row['ci95']:.4f}".replace("0.", ".")
            expected.append(f"**{shown}**" if row["accuracy"] == best[row["scale"]] and approach != "limit" else shown)
        assert found[str(approach)].split(" | ") == expected


def test_figures_of_speed_equal_the_committed_benchmarks() -> None:
    """A median, and with more than one measurement the smallest and the largest, to three digits."""
    measured = json.loads((ROOT / "benchmarks/results.json").read_text())
    rows = re.findall(r"^\| .+ \| `(\w+\.\w+(?:\.\w+)?)` \| (.+) \|$", README, re.MULTILINE)
    assert rows
    for name, shown in rows:
        row = measured[name]
        spread = f" ({row['low']:.3g} to {row['high']:.3g}, n = {row['n']})" if row["n"] > 1 else ""
        assert shown == f"{row['value']:.3g}{spread}", name


@pytest.mark.parametrize(
    "name",
    [
        "train.mlp.ratio",
        "train.cnn_float32.ratio",
        "train.cnn_bfloat16.ratio",
        "train.mlp.share_of_limit",
        "train.cnn.share_of_limit",
        "graph.overhead_share",
        "graph.noop_seconds",
        "graph.one_scale_share",
        "noise.gaussian.share_of_limit",
        "noise.salt_and_pepper.share_of_limit",
        "memory.8m_peak_mb",
        "parallel.speedup_2",
        "parallel.efficiency_16",
    ],
)
def test_headline_figures_of_speed_are_shown(name: str) -> None:
    assert f"| `{name}` |" in README


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z-]+)`?", README)) <= targets


def test_every_key_it_names_exists() -> None:
    params = YAML(typ="safe").load(ROOT / "params.yaml")
    Params.model_validate(params)
    for key in re.findall(
        r"`((?:data|split|noise|train|weight_decay|autoencoder|denoise|synthesize|figures)\.[a-z_]+)\b(?!\.)", README
    ):
        section, name = key.split(".")
        assert name in params[section], key


@pytest.mark.parametrize("command", re.findall(r"dvc exp run [^`\n]*", README))
def test_every_experiment_it_names_has_valid_params(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    words = shlex.split(command)
    settings = [after for word, after in pairwise(words) if word in ("-S", "--set-param")]
    assert settings
    changes = dict(setting.split("=", 1) for setting in settings)
    if "--queue" in words:  # one experiment for each value
        changes = {key: value.split(",")[0] for key, value in changes.items()}
    shutil.copy(ROOT / "params.yaml", tmp_path)
    values = {key: YAML(typ="safe").load(value) for key, value in changes.items()}
    change_params(tmp_path / "params.yaml", values)
    monkeypatch.chdir(tmp_path)
    study.check()


def test_every_picture_it_shows_exists() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    for path in pictures:
        assert (ROOT / path).exists()
