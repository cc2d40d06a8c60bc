"""The graph of params.yaml with stubs: what dvc itself takes to run everything, nothing, or one more stage."""

import atexit
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks import stubs
from benchmarks.measure import REPETITIONS, Results, Run, result
from tools import workspace


@dataclass(frozen=True)
class FullGraph:
    """A workspace in which all stubs have run: that run, then alternating runs with nothing and with little to do."""

    folder: Path
    first: Run
    noops: list[Run]
    changes: list[Run]


@cache
def finished() -> FullGraph:
    """Run all stubs, which takes some minutes, and then measure, once for all parts of the benchmark.

    The runs with little to do change the number of images in a figure, which reruns check and figures. The folder is
    deleted when the benchmark ends; do not change it.
    """
    temporary = tempfile.TemporaryDirectory()
    atexit.register(temporary.cleanup)
    folder = Path(temporary.name)
    stubs.create(folder, {})
    first = stubs.repro(folder)
    digits = workspace.read_params(folder / "params.yaml")["figures"]["digits"]
    noops, changes = [], []
    for more in range(1, REPETITIONS + 1):
        noops.append(stubs.repro(folder))
        workspace.change_params(folder / "params.yaml", {"figures.digits": digits + more})
        changes.append(stubs.repro(folder))
    return FullGraph(folder, first, noops, changes)


def results(graph: FullGraph) -> Results:
    """Return the cost of ``dvc repro`` for all stubs, with nothing to do and for one more stage, and dvc.lock's size.

    CPU seconds are those of dvc and its stubs: other work on the machine hardly affects them.
    """
    stages = [stubs.cost_of_stage(*runs) for runs in zip(graph.changes, graph.noops, strict=True)]
    return {
        "graph.stub_seconds": result([graph.first.seconds], "s"),
        "graph.noop_seconds": result([noop.seconds for noop in graph.noops], "s"),
        "graph.noop_cpu_seconds": result([noop.cpu_seconds for noop in graph.noops], "s"),
        "graph.stage_cpu_seconds": result(stages, "s / stage"),
        "graph.lock_kb": result([(graph.folder / "dvc.lock").stat().st_size / 1000], "kB"),
    }
