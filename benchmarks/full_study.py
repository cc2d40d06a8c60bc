"""The full study with ``make repro``: how much of it is not training, and what a change of params.yaml costs."""

import re
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import stubs
from benchmarks.measure import REPETITIONS, Results, command, ratios, result
from tools import workspace
from tools.planner import LOGS

EPOCHS = 3
# In a training's log. The first epoch is left out: its time includes all that comes before it.
EPOCH = re.compile(r"^epoch (?!1/).*, ([\d.]+) s$", re.MULTILINE)
# A download's time depends on the network. Summarize and figures need all runs, and take seconds.
NOT_TIMED = ("download", "summarize", "figures")
SCORING = "evaluate"
# One stage at a time, so that the seconds of all add up.
ENGINE = [*stubs.ENGINE, "--workers", "1"]


@dataclass(frozen=True)
class Reach:
    """The stages that run after a change, counted by kind, and the planner's own seconds, measured with stubs."""

    stages: Counter[str]
    seconds: float
    params: dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """The seconds of a stage, and of one epoch if it trains, else 0."""

    stage: float
    epoch: float


def main() -> Iterator[Results]:
    """Find which stages a change reruns, time one of each kind on the real data, and add up all stages and epochs.

    Training is the epochs, each including its final scores and its checkpoint. All else is overhead: scoring trained
    models, the planner, starting and setting up stages, reading.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "everything"
        stubs.create(folder, {})
        reached = {"everything": reach(folder)}
        changes = possible_changes(reached["everything"].params)
        for change, keys in changes.items():
            copy = shutil.copytree(folder, Path(name) / change, symlinks=True)
            workspace.change_params(copy / "params.yaml", keys)
            reached[change] = reach(copy)
        noops = [reach(folder).seconds for _ in range(REPETITIONS)]
    rounds = [{change: spent(part, each) for change, part in reached.items()} for each in costs()]
    study = [times["everything"] for times in rounds]
    full = [sum(parts.values()) for parts in study]
    shares = {
        "overhead": [sum(parts.values()) - parts["training"] for parts in study],
        **{part: [parts[part] for parts in study] for part in ("scoring", "planner", "else")},
        "noop": noops,
        **{change: [sum(times[change].values()) for times in rounds] for change in changes},
    }
    yield {
        "graph.full_hours": result([seconds / 3600 for seconds in full], "h"),
        **{f"graph.{name}_share": ratios(seconds, full, "share") for name, seconds in shares.items()},
    }


def possible_changes(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return one changed parameter, one more scale and one more seed."""
    scales, seeds = params["grid"]["scales"], params["grid"]["seeds"]
    return {
        "one_parameter": {"models.mlp.epochs": params["models"]["mlp"]["epochs"] + 1},
        "one_scale": {"grid.scales": [*scales, max(scales) + 1]},
        "one_seed": {"grid.seeds": [*seeds, max(seeds) + 1]},
    }


def reach(folder: Path) -> Reach:
    """Return which stages run in a workspace of stubs."""
    run = command(ENGINE, folder)
    params = workspace.read_params(folder / "params.yaml")
    return Reach(Counter(kind(name) for _, name in stubs.ended(run.lines)), run.seconds, params)


def costs() -> Iterator[dict[str, Cost]]:
    """Yield the cost of each kind of stage, by running one of each with few epochs, repeatedly."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {})
        models = workspace.read_params(folder / "params.yaml")["models"]
        short = {f"models.{model}.epochs": EPOCHS for model in models}
        workspace.change_params(folder / "params.yaml", {**short, "autoencoder.epochs": EPOCHS})
        listed = [line for _, line in command([*stubs.DVC, "stage", "list", "--name-only"], folder).lines]
        one_of_each = {kind(stage): stage for stage in listed if stage not in NOT_TIMED}
        for _ in range(REPETITIONS):
            run = command([*ENGINE, *one_of_each.values()], folder)
            yield {found: cost for found, cost in timed(run.lines, folder / LOGS) if found in one_of_each}
            # Otherwise results would come from the run cache, and trainings would resume from their last epoch.
            for path in (".dvc/cache/runs", "checkpoints"):
                shutil.rmtree(folder / path)
            (folder / "dvc.lock").unlink()


def timed(lines: list[tuple[float, str]], logs: Path) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of every kind of stage of a run on one worker, from its lines and its stages' logs."""
    began = 0.0
    for ended, name in stubs.ended(lines):
        log = logs / f"{name}.log"
        epochs = [float(seconds) for seconds in EPOCH.findall(log.read_text())] if log.exists() else []
        yield kind(name), Cost(ended - began, statistics.median(epochs) if epochs else 0.0)
        began = ended


def kind(stage: str) -> str:
    """Return what the cost of a stage depends on: its name, and for a run of a grid its model or penalty."""
    name, _, item = stage.partition("@")
    return f"{name}@{item.split('-')[0]}" if name in ("train", SCORING, "weight_decay") else name


def spent(reach: Reach, costs: dict[str, Cost]) -> dict[str, float]:
    """Return the seconds of all stages that a change reruns, by what they are spent on."""
    seconds = {"training": 0.0, "scoring": 0.0, "planner": reach.seconds, "else": 0.0}
    for name, number in reach.stages.items():
        if name in costs:
            seconds["training"] += number * epochs(name, reach.params) * costs[name].epoch
            other = "scoring" if name.startswith(SCORING) else "else"
            seconds[other] += number * (costs[name].stage - EPOCHS * costs[name].epoch)
    return seconds


def epochs(kind: str, params: dict[str, Any]) -> int:
    """Return the epochs of a kind of stage in the full study, 0 if it trains nothing."""
    name, _, model = kind.partition("@")
    if name == "weight_decay_control":
        name = "weight_decay"
    sections = {
        "train": lambda: params["models"][model],
        "weight_decay": lambda: params["models"][params["weight_decay"]["model"]],
        "denoise_control": lambda: params["models"][params["denoise"]["classifier"]],
        "autoencoder": lambda: params["autoencoder"],
        "denoise_scale": lambda: params["autoencoder"],
    }
    return int(sections[name]()["epochs"]) if name in sections else 0
