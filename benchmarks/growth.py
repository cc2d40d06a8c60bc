"""The graph's own cost: what dvc takes for itself, and how that grows with the number of cells."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.measure import REPETITIONS, Results, command, result
from tools import workspace

DVC = [sys.executable, "-m", "dvc"]
CELLS = (50, 100, 200, 400)
# What stands in place of every stage: it writes its outputs, folders too, other bytes each time, and starts in no time.
STUB = """#!/bin/sh
for path in "$@"; do
  case "$path" in
    data/checked) mkdir -p data && echo checked > "$path" ;;
    *.*[a-z]) mkdir -p "$(dirname "$path")" && date +%N > "$path" ;;
    *) mkdir -p "$path" && date +%N > "$path/file" ;;
  esac
done
"""


def main() -> Results:
    """Run the full grid with stubs, and then with nothing to do; the same for grids of other sizes."""
    found: Results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubbed(folder, {})
        found["graph.full_stub_seconds"] = result([repro(folder)], "s")
        found["graph.noop_seconds"] = result([repro(folder) for _ in range(REPETITIONS)], "s")
    for cells in CELLS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            grid = {"train.models": ["mlp"], "noise.scales": [0, 0.5], "train.seeds": list(range(cells // 2))}
            stubbed(folder, {**grid, "denoise.classifier": "mlp", "figures.scale": 0})
            found[f"graph.{cells}_cells_full_seconds"] = result([repro(folder, "evaluate")], "s")
            found[f"graph.{cells}_cells_noop_seconds"] = result(
                [repro(folder, "evaluate") for _ in range(REPETITIONS)], "s"
            )
    return found


def repro(folder: Path, *targets: str) -> float:
    """Return the seconds of ``dvc repro``."""
    return command([*DVC, "repro", "--quiet", *targets], folder).seconds


def stubbed(folder: Path, changes: dict[str, Any]) -> None:
    """Make a workspace whose stages keep their dependencies, params and outputs, but only write the latter."""
    workspace.create(folder, changes)
    stub = folder / "stub.sh"
    stub.write_text(STUB)
    stub.chmod(0o755)
    yaml = YAML()
    yaml.width = 10_000
    graph = yaml.load(folder / "dvc.yaml")
    for stage in graph["stages"].values():
        outs = [
            out if isinstance(out, str) else next(iter(out))
            for kind in ("outs", "metrics")
            for out in stage.get(kind, [])
        ]
        stage["cmd"] = " ".join(["./stub.sh", *outs])
    yaml.dump(graph, folder / "dvc.yaml")
