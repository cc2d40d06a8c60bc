"""How dvc's own cost grows with the number of cells of the grid."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks import stubs
from benchmarks.measure import Results, command, result
from tools import workspace

CELLS = (50, 100, 200, 400)
SHORTER = 100  # cells of the grid that has shorter entries in dvc.lock
SCALES = [0, 0.5]
STAGES = 3 * len(SCALES) + 1  # of one more seed: train, evaluate and transfer of each scale, and check
SMALL = {**stubs.ONE_MODEL, "noise.scales": SCALES, "train.seeds": [0]}


def main() -> Iterator[Results]:
    """Measure a grid of each size, and one of SHORTER cells, whose entries in dvc.lock are shorter.

    In that, each stage depends on the library's folder, which is one digest, and not on the files it imports.
    """
    for cells in CELLS:
        yield grid(cells, f"graph.{cells}_cells")
    yield grid(SHORTER, f"graph.{SHORTER}_cells_one_folder", code="noisy_mnist")


def grid(cells: int, named: str, code: str | None = None) -> Results:
    """Measure a grid with nothing to do, and then with one more seed to run, stubs in place of all stages.

    Only seed 0 has run: to run all would take hours, so the others are copies of it. code: a folder that stages
    depend on in place of the files in it, if given.
    """
    seeds = cells // len(SCALES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stubs.create(folder, SMALL, code=code)
        repro(folder)
        copy(folder, range(1, seeds))
        use(folder, seeds)
        repro(folder)  # check, as params.yaml has changed
        size = (folder / "dvc.lock").stat().st_size / 1000
        noop = repro(folder)
        use(folder, seeds + 1)
        added = (repro(folder) - noop) / STAGES
    return {
        f"{named}_lock_kb": result([size], "kB"),
        f"{named}_noop_seconds": result([noop], "s"),
        f"{named}_stage_seconds": result([added], "s / stage"),
    }


def copy(folder: Path, seeds: Iterable[int]) -> None:
    """Give seeds the entries in dvc.lock, and the files, that seed 0 has."""
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
    yaml.dump(lock, folder / "dvc.lock")


def use(folder: Path, seeds: int) -> None:
    """Set the number of seeds."""
    workspace.change_params(folder / "params.yaml", {"train.seeds": list(range(seeds))})


def repro(folder: Path) -> float:
    """Return the seconds of ``dvc repro`` of the cells."""
    return command([*stubs.DVC, "repro", "--quiet", "evaluate", "transfer"], folder).seconds
