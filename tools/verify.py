"""Prove that all results are what dvc.lock says; name what is not, and what to do. Exit status 1 if anything is."""

from tools import results
from tools.command import run

# Stages that are named one by one.
FEW = 20


def main() -> int:
    """Print what was found, return the exit status. Raises UserError if a stage is at work: its results come and go."""
    with results.quiet(), results.open_repo() as repo:
        lost, faults = results.lost_entries(repo), results.faults(repo)
        remedy = results.remedy(repo, faults)
        recorded = [stage for stage in repo.index.stages if any(out.hash_info for out in stage.outs)]
        waiting = len(repo.index.stages) - len(recorded)
    if lost:
        print(f"dvc.lock has lost or damaged entries: {' '.join(lost)}: 'make repair' brings them back")
        print("  ('git checkout -- dvc.lock' brings all of git's copy back, and forgets every run since)")
    if not results.git_copy():
        print("dvc.lock was never committed: whether it has lost an entry cannot be told")
    for fault in faults:
        if fault.stage not in remedy.missing:  # in a fresh clone these are hundreds
            print(fault)
    if remedy.run:
        print(f"damaged, and whole nowhere: {' '.join(remedy.run)}: 'make repair' runs these stages again")
    if remedy.checkout or remedy.store or remedy.from_git:
        print("what is whole in the cache, here or in git, 'make repair' brings back without running anything")
    if remedy.missing:
        names = f" ({' '.join(remedy.missing)})" if len(remedy.missing) <= FEW else ""
        print(f"not on this machine: the results of {len(remedy.missing)} stages{names}: 'make repro' makes them")
    if waiting:
        print(f"{waiting} of {len(recorded) + waiting} stages have no result yet: 'make repro' runs them")
    if not (lost or faults):
        print(f"the results of {len(recorded)} stages, here and in the cache, are what dvc.lock says")
    return 1 if lost or faults else 0


if __name__ == "__main__":
    run(main)
