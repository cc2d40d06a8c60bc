"""How the cost of running stages grows with the graph: params.yaml's, and noise studies with more grid points."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks import full_graph, stubs
from benchmarks.measure import Results, Run, command, result
from tools import workspace

# A grid point is a training with its scoring: two stages.
POINTS = (50, 100, 200, 400)
SCALES = [0, 0.5]
SMALL = {**stubs.ONE_MODEL, "grid.scales": SCALES, "grid.seeds": [0]}


def main() -> Iterator[Results]:
    """Measure the full graph, and then a grid of each size."""
    yield full_graph.results(full_graph.finished())
    for points in POINTS:
        yield grid(points) | engine(points)


def grid(points: int) -> Results:
    """Measure a grid of stubs with nothing to do, and then with one more seed to run.

    The costs are CPU seconds of dvc and its stubs: other work on the machine hardly affects them. Only seed 0 has run:
    running all would take hours, so the others are copies of it.
    """
    seeds = points // len(SCALES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubs.create(folder, SMALL)
        repro(folder)
        copy(folder, range(1, seeds))
        use(folder, seeds)
        repro(folder)  # check, as params.yaml has changed
        size = (folder / "dvc.lock").stat().st_size / 1000
        noop = repro(folder)
        use(folder, seeds + 1)
        added = stubs.cost_of_stage(repro(folder), noop)
    return {
        f"graph.{points}_points_lock_kb": result([size], "kB"),
        f"graph.{points}_points_noop_cpu_seconds": result([noop.cpu_seconds], "s"),
        f"graph.{points}_points_stage_cpu_seconds": result([added], "s / stage"),
    }


def engine(points: int) -> Results:
    """Measure a grid of stubs that ``make repro`` runs from scratch: its CPU seconds per stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubs.create(folder, {**SMALL, "grid.seeds": list(range(points // len(SCALES)))})
        run = command([*stubs.ENGINE, "evaluate"], folder)
        cost = run.cpu_seconds / len(stubs.ended(run.lines))
    return {f"graph.{points}_points_engine_stage_cpu_seconds": result([cost], "s / stage")}


def copy(folder: Path, seeds: Iterable[int]) -> None:
    """Copy the files of seed 0, and its entries in dvc.lock, to other seeds."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = False
    lock = yaml.load(folder / "dvc.lock")
    for name, entry in list(lock["stages"].items()):
        if not re.search(r"@mlp-[\d.]+-0$", name):
            continue
        for seed in seeds:
            copied = json.loads(re.sub(r"(/mlp/[\d.]+)-0\.", rf"\1-{seed}.", json.dumps(entry)))
            lock["stages"][f"{name[:-1]}{seed}"] = copied
            for one, other in zip(entry["outs"], copied["outs"], strict=True):
                shutil.copy(folder / one["path"], folder / other["path"])
    with (folder / "dvc.lock").open("w", encoding="utf-8") as file:
        yaml.dump(lock, file)


def use(folder: Path, seeds: int) -> None:
    """Set the number of seeds."""
    workspace.change_params(folder / "params.yaml", {"grid.seeds": list(range(seeds))})


def repro(folder: Path) -> Run:
    """Run ``dvc repro`` of the grid points."""
    return stubs.repro(folder, "evaluate")
