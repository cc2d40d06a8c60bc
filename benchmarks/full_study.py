"""The full study: how much of it is not training, and what a change of params.yaml costs against all of it."""

import itertools
import re
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.growth import DVC, stubbed
from benchmarks.measure import REPETITIONS, Results, Run, command, ratios, result
from tools import workspace

EPOCHS = 2
# Seconds in all, but they need every cell.
GATHER = ("summarize", "figures")


@dataclass(frozen=True)
class Reach:
    """What ``dvc repro`` runs after a change, counted by kind, and dvc's own seconds, stubs in place of all stages."""

    stages: Counter[str]
    seconds: float


@dataclass(frozen=True)
class Cost:
    """The seconds of a stage, and of one epoch if it trains, else 0."""

    stage: float
    epoch: float


def main() -> Results:
    """Find which stages a change reaches, time one cell of each kind on the real data, and add up all at all epochs.

    The first epoch's set-up counts as not training, as do dvc, starting stages, reading, scoring and saving.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubbed(folder / "everything", {})
        params = workspace.read_params(folder / "everything/params.yaml")
        reached = {"everything": reach(folder / "everything")}
        for change, keys in changes(params).items():
            shutil.copytree(folder / "everything", folder / change, symlinks=True)
            workspace.change_params(folder / change / "params.yaml", keys)
            reached[change] = reach(folder / change)
    rounds = []
    for _ in range(REPETITIONS):
        each = costs()
        rounds.append({change: spent(what, each, params) for change, what in reached.items()})
    full = [sum(times["everything"]) for times in rounds]
    beside = [times["everything"][1] for times in rounds]
    found = {
        "graph.full_hours": result([seconds / 3600 for seconds in full], "h"),
        "graph.overhead_share": ratios(beside, full, "share"),
    }
    for change in changes(params):
        found[f"graph.{change}_share"] = ratios([sum(times[change]) for times in rounds], full, "share")
    return found


def changes(params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return one changed parameter, one more scale and one more seed."""
    scales, seeds = params["noise"]["scales"], params["train"]["seeds"]
    return {
        "one_parameter": {"models.mlp.epochs": params["models"]["mlp"]["epochs"] + 1},
        "one_scale": {"noise.scales": [*scales, max(scales) + 1]},
        "one_seed": {"train.seeds": [*seeds, max(seeds) + 1]},
    }


def reach(folder: Path) -> Reach:
    """Run what has changed in a workspace of stubs."""
    run = command([*DVC, "repro"], folder)
    return Reach(Counter(kind(name) for _, name in started(run)), run.seconds)


def costs() -> dict[str, Cost]:
    """Return the cost of each kind of stage, by running one of each with few epochs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {})
        models = workspace.read_params(folder / "params.yaml")["models"]
        short = {f"models.{model}.epochs": EPOCHS for model in models}
        workspace.change_params(folder / "params.yaml", {**short, "autoencoder.epochs": EPOCHS})
        listed = [line for _, line in command([*DVC, "stage", "list", "--name-only"], folder).lines]
        command([*DVC, "repro", "download"], folder)  # what that takes is the network's
        one_of_each = {kind(stage): stage for stage in listed if stage not in GATHER}
        return dict(timed(command([*DVC, "repro", *one_of_each.values()], folder)))


def timed(run: Run) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of every kind of stage that ``dvc repro`` has run."""
    for (begin, name), (end, _) in itertools.pairwise([*started(run), (run.seconds, "")]):
        ends = [second for second, line in run.lines if begin < second < end and re.match(r"epoch \d+/", line)]
        epoch = statistics.median(after - before for before, after in itertools.pairwise(ends)) if ends else 0.0
        yield kind(name), Cost(end - begin, epoch)


def started(run: Run) -> list[tuple[float, str]]:
    """Return the stages that ``dvc repro`` has run, each with the second when it began."""
    return [(second, found[1]) for second, line in run.lines if (found := re.match(r"Running stage '(.+)':", line))]


def kind(stage: str) -> str:
    """Return what the cost of a stage depends on: its name, and for a cell of a grid its model or penalty."""
    name, _, item = stage.partition("@")
    return f"{name}@{item.split('-')[0]}" if name in ("train", "evaluate", "transfer", "weight_decay") else name


def spent(reach: Reach, costs: dict[str, Cost], params: dict[str, Any]) -> tuple[float, float]:
    """Return the seconds in epochs, and those beside them, of all stages that a change reaches."""
    counts = {name: number for name, number in reach.stages.items() if name in costs}
    training = sum(number * epochs(name, params) * costs[name].epoch for name, number in counts.items())
    beside = sum(number * (costs[name].stage - EPOCHS * costs[name].epoch) for name, number in counts.items())
    return training, reach.seconds + beside


def epochs(kind: str, params: dict[str, Any]) -> int:
    """Return the epochs of a kind of stage in the full study, 0 if it trains nothing."""
    name, _, model = kind.partition("@")
    sections = {
        "train": lambda: params["models"][model],
        "weight_decay": lambda: params["models"][params["weight_decay"]["model"]],
        "denoise_control": lambda: params["models"][params["denoise"]["classifier"]],
        "autoencoder": lambda: params["autoencoder"],
        "denoise_scale": lambda: params["autoencoder"],
    }
    return int(sections[name]()["epochs"]) if name in sections else 0
