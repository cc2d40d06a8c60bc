"""Prove that all results are what dvc.lock says; name what is not, and what to do. Exit status 1 if anything is."""

from tools import results
from tools.command import run


def main() -> int:
    """Print what was found, return the exit status."""
    with results.open_repo() as repo:
        lost, faults = results.lost_entries(repo), results.faults(repo)
        recorded = [stage for stage in repo.index.stages if any(out.hash_info for out in stage.outs)]
        waiting = len(repo.index.stages) - len(recorded)
    if lost:
        print(f"dvc.lock differs from git's copy, and from the files here, in: {results.names(lost)}")
        print("  'git checkout -- dvc.lock' brings git's copy back; 'make repair' does so for these entries alone")
    for fault in faults:
        print(fault)
    damaged = [fault.stage for fault in faults if fault.problem == "damaged"]
    if damaged:
        print(f"stages with damaged results: {results.names(damaged)}: 'make repair' mends them")
    elif faults:
        print(f"stages with missing results: {results.names(fault.stage for fault in faults)}")
        print("  'dvc checkout' brings what the cache has; 'dvc repro' makes the rest")
    if waiting:
        print(f"{waiting} of {len(recorded) + waiting} stages have no result yet: 'make repro' runs them")
    if not (lost or faults):
        print(f"the results of {len(recorded)} stages, here and in the cache, are what dvc.lock says")
    return 1 if lost or faults else 0


if __name__ == "__main__":
    run(main)
