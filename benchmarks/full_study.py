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

from benchmarks import full_graph, stubs
from benchmarks.measure import REPETITIONS, Results, Run, command, ratios, result
from tools import workspace

EPOCHS = 2
# The time of a download is the network's. Summarize and figures need all runs, and take seconds.
NOT_TIMED = ("download", "summarize", "figures")
SCORING = "evaluate"


@dataclass(frozen=True)
class Reach:
    """What ``dvc repro`` runs after a change, counted by kind, and dvc's own seconds, stubs in place of all stages."""

    stages: Counter[str]
    seconds: float
    params: dict[str, Any]


@dataclass(frozen=True)
class Cost:
    """The seconds of a stage, and of one epoch if it trains, else 0."""

    stage: float
    epoch: float


def main() -> Iterator[Results]:
    """Find which stages a change reaches, time one stage of each kind on the real data, and add up all at all epochs.

    Training is the epochs, each with the scores that it ends with and its checkpoint. All else is overhead: the scoring
    of trained models, dvc, starting and setting up stages, reading. What dvc takes in a small graph counts in each
    stage and, with what the full one takes, once more.
    """
    graph = full_graph.finished()
    reached = {"everything": reach(graph.folder, graph.first)}
    changes = possible_changes(reached["everything"].params)
    with tempfile.TemporaryDirectory() as name:
        for change, keys in changes.items():
            folder = Path(name) / change
            shutil.copytree(graph.folder, folder, symlinks=True)
            workspace.change_params(folder / "params.yaml", keys)
            reached[change] = reach(folder, stubs.repro(folder))
    rounds = [{change: spent(part, each) for change, part in reached.items()} for each in costs()]
    study = [times["everything"] for times in rounds]
    full = [sum(parts.values()) for parts in study]
    shares = {
        "overhead": [sum(parts.values()) - parts["training"] for parts in study],
        "scoring": [parts["scoring"] for parts in study],
        "dvc": [parts["dvc"] for parts in study],
        "noop": [noop.seconds for noop in graph.noops],
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


def reach(folder: Path, run: Run) -> Reach:
    """Return what a run of ``dvc repro`` in a workspace of stubs has reached."""
    params = workspace.read_params(folder / "params.yaml")
    return Reach(Counter(kind(name) for _, name in stubs.started(run)), run.seconds, params)


def costs() -> Iterator[dict[str, Cost]]:
    """Yield the cost of each kind of stage, by running one of each with few epochs, and then again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {})
        models = workspace.read_params(folder / "params.yaml")["models"]
        short = {f"models.{model}.epochs": EPOCHS for model in models}
        workspace.change_params(folder / "params.yaml", {**short, "autoencoder.epochs": EPOCHS})
        listed = [line for _, line in command([*stubs.DVC, "stage", "list", "--name-only"], folder).lines]
        one_of_each = {kind(stage): stage for stage in listed if stage not in NOT_TIMED}
        again: list[str] = []
        for _ in range(REPETITIONS):
            run = command([*stubs.DVC, "repro", *again, *one_of_each.values()], folder)
            yield {name: cost for name, cost in timed(run) if name in one_of_each}
            shutil.rmtree(folder / "checkpoints")  # or the next training would resume from its last epoch
            again = ["--force", "--single-item"]


def timed(run: Run) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of every kind of stage that ``dvc repro`` has run."""
    for (begin, name), (end, _) in itertools.pairwise([*stubs.started(run), (run.seconds, "")]):
        ends = [second for second, line in run.lines if begin < second < end and re.match(r"epoch \d+/", line)]
        epoch = statistics.median(after - before for before, after in itertools.pairwise(ends)) if ends else 0.0
        yield kind(name), Cost(end - begin, epoch)


def kind(stage: str) -> str:
    """Return what the cost of a stage depends on: its name, and for a run of a grid its model or penalty."""
    name, _, item = stage.partition("@")
    return f"{name}@{item.split('-')[0]}" if name in ("train", SCORING, "weight_decay") else name


def spent(reach: Reach, costs: dict[str, Cost]) -> dict[str, float]:
    """Return the seconds of all stages that a change reaches, by what they are spent on."""
    seconds = {"training": 0.0, "scoring": 0.0, "dvc": reach.seconds, "else": 0.0}
    for name, number in reach.stages.items():
        if name in costs:
            seconds["training"] += number * epochs(name, reach.params) * costs[name].epoch
            other = "scoring" if name.startswith(SCORING) else "else"
            seconds[other] += number * (costs[name].stage - EPOCHS * costs[name].epoch)
    return seconds


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
