"""Bring back what 'make verify' finds missing or damaged: from where it is whole, else by running its stage again."""

import shutil
from collections.abc import Collection
from pathlib import Path

from tools import results, verify
from tools.command import call, run
from tools.mend import mend


def main() -> int:
    """Repair, verify, and return the exit status of that."""
    mend()
    with results.open_repo() as repo:
        lost = results.lost_entries(repo)
    if lost:
        results.restore_entries(lost)
    with results.open_repo() as repo:
        order = [stage.name for stage in results.stages(repo)]
        cached = {(stage.name, out.def_path) for stage in repo.index.stages for out in stage.outs if out.use_cache}
        faults = results.faults(repo)
    for fault in faults:
        if fault.path.is_dir():
            shutil.rmtree(fault.path)
        else:
            fault.path.unlink(missing_ok=True)
    here, stored = ({(f.stage, f.output) for f in faults if f.place == place} for place in ("workspace", "cache"))
    gone = here & (stored | here - cached)  # whole in neither place; metrics and plots are in no cache
    damaged = {fault.stage for fault in faults if fault.problem == "damaged"}
    again = {stage for stage, _ in gone} & damaged  # what is missing without damage is for 'dvc repro', and may be much

    dvc("checkout --force", [output for stage, output in sorted(here - gone) if stage not in again])
    for stage in sorted(again, key=order.index):
        dvc("repro --force --single-item", [stage])
    with results.open_repo() as repo:
        for _, output in sorted(stored - gone):
            print(f"> {output} is copied to the cache")
            results.store(repo, Path(output))
    return verify.main()


def dvc(command: str, targets: Collection[str]) -> None:
    """Run a command of dvc on targets, if there are any."""
    words = ["dvc", "--wait-for-lock", *command.split(), *sorted(targets)]
    if targets:
        print(f"> {' '.join(words)}", flush=True)
        call(words)


if __name__ == "__main__":
    run(main)
