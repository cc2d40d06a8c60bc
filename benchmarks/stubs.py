"""The real graph with a stub in place of every stage: what is left is what dvc, or another engine, takes for itself."""

import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tools import workspace

DVC = [sys.executable, "-m", "dvc"]
# Changes that leave one model, whatever the scales are: they always hold 0.
ONE_MODEL = {"train.models": ["mlp"], "denoise.classifier": "mlp", "figures.scale": 0}
# It writes its outputs, folders too, other bytes each time, and starts in no time.
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


def create(folder: Path, changes: dict[str, Any], training: float = 0, code: str | None = None) -> None:
    """Make a workspace whose stages keep their dependencies, params and outputs, but only write the latter.

    training: seconds that each stage ``train`` sleeps before that. code: a folder that stages depend on in place of the
    files in it, if given.
    """
    workspace.create(folder, changes)
    stub = folder / "stub.sh"
    stub.write_text(STUB)
    stub.chmod(0o755)
    yaml = YAML()
    yaml.width = 10_000
    graph = yaml.load(folder / "dvc.yaml")
    for name, stage in graph["stages"].items():
        outs = [
            out if isinstance(out, str) else next(iter(out))
            for kind in ("outs", "metrics")
            for out in stage.get(kind, [])
        ]
        first = f"sleep {training} && " if name == "train" and training else ""
        if code:
            stage["deps"] = [code, *(path for path in stage["deps"] if not path.startswith(f"{code}/"))]
        stage["cmd"] = first + " ".join(["./stub.sh", *outs])
    yaml.dump(graph, folder / "dvc.yaml")
