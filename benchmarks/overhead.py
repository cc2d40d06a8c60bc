"""How much of the full study is not training: dvc, starting stages, reading, scoring, drawing."""

import itertools
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.growth import DVC, repro, stubbed
from benchmarks.measure import Results, Run, command, result
from tools import workspace

EPOCHS = 2
# Seconds in all, but they need every cell.
GATHER = ("summarize", "figures")


@dataclass(frozen=True)
class Cost:
    """The seconds of a stage, and of one epoch if it trains, else 0."""

    stage: float
    epoch: float


def main() -> Results:
    """Time one cell of each kind on the real data, and count all cells of the full study at all their epochs.

    dvc's own time is that of the full graph with stubs in place of all stages, on top of what it takes for each cell.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubbed(folder, {})
        own = repro(folder)
        listed = [line for _, line in command([*DVC, "stage", "list", "--name-only"], folder).lines]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace.create(folder, {})
        params = workspace.read_params(folder / "params.yaml")
        short = {f"models.{model}.epochs": EPOCHS for model in params["models"]}
        workspace.change_params(folder / "params.yaml", {**short, "autoencoder.epochs": EPOCHS})
        one_of_each = {kind(stage): stage for stage in listed if stage not in GATHER}
        costs = dict(timed(command([*DVC, "repro", *one_of_each.values()], folder)))
    counts = Counter(kind(stage) for stage in listed)
    training = sum(counts[name] * epochs(name, params) * cost.epoch for name, cost in costs.items())
    beside = own + sum(counts[name] * (cost.stage - EPOCHS * cost.epoch) for name, cost in costs.items())
    return {
        "graph.full_hours": result([(training + beside) / 3600], "h"),
        "graph.overhead_share": result([beside / (training + beside)], "share"),
    }


def timed(run: Run) -> Iterator[tuple[str, Cost]]:
    """Yield the cost of every kind of stage that ``dvc repro`` has run."""
    begun = [(second, found[1]) for second, line in run.lines if (found := re.match(r"Running stage '(.+)':", line))]
    for (begin, name), (end, _) in itertools.pairwise([*begun, (run.seconds, "")]):
        ends = [second for second, line in run.lines if begin < second < end and re.match(r"epoch \d+/", line)]
        epoch = statistics.median(after - before for before, after in itertools.pairwise(ends)) if ends else 0.0
        yield kind(name), Cost(end - begin, epoch)


def kind(stage: str) -> str:
    """Return what the cost of a stage depends on: its name, and for a cell of the grid its model."""
    name, _, item = stage.partition("@")
    return f"{name}@{item.split('-')[0]}" if name in ("train", "evaluate", "transfer") else name


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
