"""The tables in README and docs are the committed results', and what they tell people to type exists."""

import itertools
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from noisy_mnist import study
from noisy_mnist.core import tables
from noisy_mnist.study import Params
from tools.workspace import ROOT, change_params, read_params

NAMES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
ALL = "\n".join(DOCUMENTS.values())
README, SPEED = DOCUMENTS["README.md"], DOCUMENTS["docs/speed.md"]
PARAMS = read_params(ROOT / "params.yaml")
STAGES = read_params(ROOT / "dvc.yaml")["stages"]
MEASURED = json.loads((ROOT / "benchmarks/results.json").read_text())
# An option of dvc, which is no target.
OPTION = re.compile(r"--?[\w-]+(?:=\S+)?")


def test_table_equals_the_committed_results() -> None:
    """And shows in bold what is best at each scale; the posterior baseline is no net."""
    table = tables.read_csv(ROOT / "plots/comparison.csv")
    found = dict(re.findall(r"^\| `(\w+)` \| ([.\d* |±]+) \|$", README, flags=re.MULTILINE))
    assert list(found) == list(table["method"].unique())
    best = table[table["method"] != "posterior"].groupby("scale")["accuracy"].max()
    for method, rows in table.groupby("method"):
        expected = []
        for row in rows.to_dict("records"):
            shown = f"{row['accuracy']:.4f} ± {row['ci95']:.4f}".replace("0.", ".")
            is_best = row["accuracy"] == best[row["scale"]] and method != "posterior"
            expected.append(f"**{shown}**" if is_best else shown)
        assert found[str(method)].split(" | ") == expected


def test_figures_of_speed_equal_the_committed_benchmarks() -> None:
    """A median, and with more than one measurement the smallest and the largest, to three digits."""
    rows = re.findall(r"^\| .+ \| `(\w+\.\w+(?:\.\w+)?)` \| (.+) \|$", SPEED, re.MULTILINE)
    assert rows
    for name, shown in rows:
        row = MEASURED[name]
        spread = f" ({row['low']:.3g} to {row['high']:.3g}, n = {row['n']})" if row["n"] > 1 else ""
        assert shown == f"{row['value']:.3g}{spread}", name


@pytest.mark.parametrize(
    "name",
    [
        "train.mlp.ratio",
        "train.mlp.epoch_ratio",
        "train.cnn_float32.ratio",
        "train.cnn_bfloat16.ratio",
        "train.mlp.share_of_limit",
        "train.cnn.share_of_limit",
        "graph.overhead_share",
        "graph.planner_share",
        "graph.noop_cpu_seconds",
        "graph.400_points_engine_stage_cpu_seconds",
        "graph.one_scale_share",
        "noise.gaussian.share_of_limit",
        "noise.salt_and_pepper.share_of_limit",
        "memory.8m_peak_mb",
        "parallel.speedup_2",
        "parallel.efficiency_16",
    ],
)
def test_headline_figures_of_speed_are_shown(name: str) -> None:
    assert f"| `{name}` |" in SPEED


def test_sentences_on_speed_are_those_of_the_committed_benchmarks() -> None:
    of = {name: row["value"] for name, row in MEASURED.items()}
    salt = {name: of[f"noise.salt_and_pepper.share_of_{name}"] for name in ("limit", "writing", "drawing", "integers")}
    stage = {points: of[f"graph.{points}_points_stage_cpu_seconds"] for points in (50, 100, 200, 400)}
    growth = of["graph.400_points_engine_stage_cpu_seconds"] / of["graph.50_points_engine_stage_cpu_seconds"]
    speed, clusters = (" ".join(DOCUMENTS[f"docs/{name}.md"].split()) for name in ("speed", "clusters"))
    for holds, document, sentence in (
        (0.45 < of["train.cnn_bfloat16.limit"] / of["train.cnn.limit"] < 0.6, speed, "about half of its speed"),
        (
            of["train.cnn_float32.epoch_seconds"] < of["train.cnn_bfloat16.epoch_seconds"],
            speed,
            "The ConvNet trains faster in float32 there",
        ),
        (salt["limit"] < 0.6 <= of["noise.gaussian.share_of_limit"], speed, "0.6. Salt and pepper misses it"),
        (salt["drawing"] < salt["integers"] / 2, speed, "in less than half the time of `integers`"),
        (salt["limit"] == salt["writing"], speed, "Writing is then the slower of the two limits"),
        (0.18 < 60_000 / of["noise.salt_and_pepper.images_per_second"] < 0.22, speed, "takes a fifth of a second"),
        (all(1.8 < stage[2 * n] / stage[n] < 2.3 for n in (50, 100, 200)), speed, "so a stage costs twice as much in"),
        (True, speed, f"a stage costs it {growth:.1f} times as much"),
        (3.5 < of["gpu.cnn_float32.speedup"] < 4.5, clusters, "An epoch of the ConvNet took a quarter of"),
        (1.75 < of["gpu.mlp.speedup"] < 2.25, clusters, "An epoch of the MLP took half of"),
        (True, clusters, f"a training took some {of['gpu.cnn_float32.other_seconds']:.0f} seconds"),
    ):
        assert holds, sentence
        assert sentence in document


def test_no_placeholder_is_left() -> None:
    assert not re.search(r"@@|\?\?", ALL)


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", ALL)) <= targets


def test_every_key_it_names_exists() -> None:
    Params.model_validate(PARAMS)
    sections = "|".join(section for section in PARAMS if section != "models")
    keys = re.findall(rf"`((?:{sections})\.[a-z_]+)\b(?!\.)", ALL)
    assert {key.partition(".")[0] for key in keys} >= {"grid", "compute", "noise", "denoise"}
    for key in keys:
        section, name = key.split(".")
        assert name in PARAMS[section], key


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.+?)```", ALL, flags=re.DOTALL))
def test_every_entry_it_shows_is_valid_and_new(block: str) -> None:
    (section, entries), *others = YAML(typ="safe").load(block).items()
    assert not others
    assert not entries.keys() & PARAMS[section].keys()
    Params.model_validate({**PARAMS, section: {**PARAMS[section], **entries}})


@pytest.mark.parametrize("command", re.findall(r"dvc exp run [^`\n]*-S[^`\n]*", ALL))
def test_every_experiment_it_names_has_valid_params(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    words = shlex.split(command, comments=True)
    settings = [after for word, after in itertools.pairwise(words) if word in ("-S", "--set-param")]
    assert settings
    changes = dict(setting.split("=", 1) for setting in settings)
    if "--queue" in words:  # one experiment for each value
        changes = {key: value.split(",")[0] for key, value in changes.items()}
    shutil.copy(ROOT / "params.yaml", tmp_path)
    values = {key: YAML(typ="safe").load(value) for key, value in changes.items()}
    change_params(tmp_path / "params.yaml", values)
    monkeypatch.chdir(tmp_path)
    study.check()


def instances(stage: str) -> set[str]:
    """Return the names that a stage can be called by: its own, and those of its matrix."""
    axes: list[list[Any]] = []
    for axis in STAGES[stage].get("matrix", {}).values():
        section, key = axis.strip("${}").split(".")
        axes.append(PARAMS[section][key])
    return {stage} | {f"{stage}@{'-'.join(map(str, item))}" for item in itertools.product(*axes) if axes}


def test_every_stage_it_names_exists() -> None:
    """As a target of ``dvc repro``, or in README's column of targets."""
    known = {name for stage in STAGES for name in instances(stage)}
    for name, document in DOCUMENTS.items():
        commands = re.findall(r"\bdvc (?:repro|stage list)\b([^`#&|;\n]*)", document)
        targets = {word for command in commands for word in command.split() if not OPTION.fullmatch(word)}
        assert {target for target in targets if "<" not in target} <= known, name
        assert {target.partition("@")[0] for target in targets} <= STAGES.keys(), name
    rows = re.findall(r"^\| study \| targets \|.*\n\|[-|]+\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
    listed = {target for target in re.findall(r"`([^`]+)`", rows[0]) for target in target.split()}
    assert {"evaluate", "weight_decay"} <= listed <= STAGES.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_it_names_exists(name: str) -> None:
    """All but what runs leave in data, models and quickstart; a part in angle brackets stands for any name."""
    paths = re.findall(r"`([\w./<>*-]+/[\w./<>*-]+\.(?:py|yaml|csv|json|md|png))`", DOCUMENTS[name])
    for path in paths:
        if not path.startswith(("data/", "models/", "quickstart/")):
            assert any(ROOT.glob(re.sub(r"<\w+>", "*", path))), path


def test_every_test_that_reliability_names_exists() -> None:
    names = set(re.findall(r"`(test_\w+)`", DOCUMENTS["docs/reliability.md"]))
    assert names
    assert names <= {path.stem for path in (ROOT / "tests").glob("test_*.py")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_picture_and_file_it_links_to_exists(name: str) -> None:
    links = re.findall(r"\]\(((?!https?:|#)[^)#]+)", DOCUMENTS[name])
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", DOCUMENTS[name])
    assert set(pictures) <= set(links)
    for path in links:
        assert ((ROOT / name).parent / path).exists(), path


def test_every_section_it_links_to_exists() -> None:
    for name, text in DOCUMENTS.items():
        for file, anchor in re.findall(r"\]\(([\w./]*)#([^)]+)\)", text):
            there = (ROOT / name).parent / file if file else ROOT / name
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, (name, anchor)
