"""The real graph with a stub in place of every stage: its cost is that of dvc, or of another engine, alone."""

import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.measure import Run, command
from tools import workspace

DVC = [sys.executable, "-m", "dvc"]
ENGINE = [sys.executable, "-m", "tools.repro"]
# Changes to params.yaml that leave one model. They fit any scales, which always include 0.
ONE_MODEL = {"grid.models": ["mlp"], "denoise.classifier": "mlp", "figures.scale": 0}
# Writes its outputs, files and folders, with new bytes each time, in a few hundredths of a second.
STUB = """#!/bin/sh
bytes() { od -An -N8 -tx1 /dev/urandom; }
for path in "$@"; do
  case "$path" in
    data/checked) mkdir -p data && echo checked > "$path" ;;
    *.*[a-z]) mkdir -p "$(dirname "$path")" && bytes > "$path" ;;
    *) mkdir -p "$path" && bytes > "$path/file" ;;
  esac
done
"""


def create(folder: Path, changes: dict[str, Any], training: float = 0) -> None:
    """Create a workspace whose stages keep their dependencies, params and outputs, but only write dummy outputs.

    training: seconds that each stage ``train`` sleeps first.
    """
    workspace.create(folder, changes)
    stub = folder / "stub.sh"
    stub.write_text(STUB, encoding="utf-8")
    stub.chmod(0o755)
    yaml = YAML()
    yaml.width = 10_000
    graph = yaml.load(folder / "dvc.yaml")
    for name, stage in graph["stages"].items():
        sleep = f"sleep {training} && " if name == "train" and training else ""
        stage["cmd"] = sleep + " ".join(["./stub.sh", *outputs(stage)])
    with (folder / "dvc.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(graph, file)


def outputs(stage: dict[str, Any]) -> list[str]:
    """Return the paths of all outputs of a stage in dvc.yaml, including metrics.

    Each is listed as a path, or as a mapping from the path to its options.
    """
    listed = [*stage.get("outs", []), *stage.get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in listed]


def repro(folder: Path, *targets: str) -> Run:
    """Run what has changed in a workspace, or what the targets need, with ``dvc repro``."""
    return command([*DVC, "repro", *targets], folder)


def started(run: Run) -> list[tuple[float, str]]:
    """Return the stages that ``dvc repro`` has run, each with the second when it began."""
    matches = [(second, re.match(r"Running stage '(.+)':", line)) for second, line in run.lines]
    return [(second, match[1]) for second, match in matches if match]


def ended(lines: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return the stages that ``make repro`` says have run, each with the second when it ended."""
    matches = [(second, re.match(r"\d+/\d+ (\S+): \d+ s, ", line)) for second, line in lines]
    return [(second, match[1]) for second, match in matches if match]


def cost_of_stage(run: Run, noop: Run) -> float:
    """Return dvc's own CPU seconds for each stage of a run, beyond those of a run with nothing to do."""
    return (run.cpu_seconds - noop.cpu_seconds) / len(started(run))
