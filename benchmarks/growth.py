"""How dvc's own cost grows with the number of cells of the grid."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import stubs
from benchmarks.measure import REPETITIONS, Results, command, result
from tools import workspace

CELLS = (50, 100, 200, 400)
SCALES = [0, 0.5]
STAGES = 3  # of a cell: train, evaluate, transfer
SMALL = {
    "train.models": ["mlp"],
    "noise.scales": SCALES,
    "train.seeds": [0],
    "denoise.classifier": "mlp",
    "figures.scale": 0,
}


def main() -> Iterator[Results]:
    """Add seeds to a grid of stubs until it has the next number of cells; then there is nothing to do.

    The seconds of a stage are those of the cells that were added, so with the earlier ones in dvc.lock.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubs.create(folder, SMALL)
        repro(folder)
        before = len(SCALES)
        for cells in CELLS:
            workspace.change_params(folder / "params.yaml", {"train.seeds": list(range(cells // len(SCALES)))})
            added = repro(folder)
            noop = [repro(folder) for _ in range(REPETITIONS)]
            yield {
                f"graph.{cells}_cells_stage_seconds": result([added / (cells - before) / STAGES], "s / stage"),
                f"graph.{cells}_cells_noop_seconds": result(noop, "s"),
                f"graph.{cells}_cells_lock_kb": result([(folder / "dvc.lock").stat().st_size / 1000], "kB"),
            }
            before = cells


def repro(folder: Path) -> float:
    """Return the seconds of ``dvc repro`` of the cells."""
    return command([*stubs.DVC, "repro", "--quiet", "evaluate", "transfer"], folder).seconds
