"""Check that all results match dvc.lock; name what does not, and the remedy. Exit status 1 if anything is wrong."""

from collections.abc import Collection, Sequence
from pathlib import Path

from dvc.stage import PipelineStage

from tools import foreign, publish
from tools.command import run
from tools.faults import Fault, find_faults
from tools.lost_entries import committed, find_lost_entries
from tools.remedies import Remedies, choose_remedies
from tools.repository import exclusive, open_repo, stages

# At most this many stages or files are named one by one.
FEW = 20


def main() -> int:
    """Print what is wrong and return the exit status, which is also 1 if there are no results at all.

    Raises UserError if a stage is running, since its results are in flux, or if git fails.
    """
    with exclusive(), open_repo() as repo:
        lost, faults = find_lost_entries(repo), find_faults(repo)
        remedies = choose_remedies(repo, faults)
        recorded = [stage for stage in stages(repo) if any(out.hash_info for out in stage.outs)]
        changed = changed_since(recorded, faults, lost)
        total = len(stages(repo))
        published = publish.find_damaged(repo)
        left = [path for path in foreign.leftovers(repo) if not foreign.is_checkpoint(path)]
        unknown = foreign.in_code(repo)
    if lost:
        print(f"entries of dvc.lock are lost or damaged: {' '.join(lost)}: 'make repair' brings them back")
        print("  ('git checkout -- dvc.lock' brings all of git's copy back, and forgets every run since)")
    if not committed():
        print("git's last commit has no readable dvc.lock: until it is committed, lost entries cannot be detected")
    report(faults, remedies)
    if len(recorded) < total:
        print(f"{total - len(recorded)} of {total} stages have no result yet: 'make repro' runs them")
    for path in list(published)[:FEW]:
        print(f"{'damaged' if path.exists() else 'missing'}: {path}, a published result")
    if published:
        more = f"{len(published) - FEW} more. " if len(published) > FEW else ""
        print(f"{more}'make repair' brings back those that are intact in git or the cache; 'make repro' and")
        print("'make publish' recreate the rest ('git checkout -- .dvc/results' restores only git's copies)")
    if not recorded:
        print("no stage has a result in dvc.lock: there is nothing to verify")
    elif not (lost or faults or published):
        print(f"the results of {len(recorded)} stages, here and in the cache, are what dvc.lock says")
    if changed:
        print(f"stages changed since they ran: {len(changed)} ('dvc status' names them): 'make repro' runs them")
    report_foreign("part of no result", left, "'make prune' lists all of these, and what it would do")
    report_foreign("code that git does not know", unknown, "stages depend on it: commit it, or move it away")
    return 1 if lost or faults or published or not recorded else 0


def report_foreign(what: str, paths: Sequence[Path], remedy: str) -> None:
    """Print files that belong neither to results nor to code: they are not damage, but DVC counts them in folders."""
    for path in paths[:FEW]:
        print(f"{what}: {path}")
    if len(paths) > FEW:
        print(f"{what}: {len(paths) - FEW} more")
    if paths:
        print(f"  {remedy}")


def report(faults: Sequence[Fault], remedies: Remedies) -> None:
    """Print faults and their remedies."""
    for fault in faults:
        if fault.stage not in remedies.missing:  # in a fresh clone these are hundreds
            print(fault)
    if remedies.run:
        print(f"damaged, with no intact copy: {' '.join(remedies.run)}: 'make repair' runs these stages again")
    whole_elsewhere = {*remedies.checkout, *remedies.store, *remedies.from_git}
    if any((fault.stage, fault.output) in whole_elsewhere for fault in faults if fault.problem != "version"):
        print("'make repair' brings back, without running anything, what is intact in the cache, here or in git")
    if remedies.missing:
        names = f" ({' '.join(remedies.missing)})" if len(remedies.missing) <= FEW else ""
        print(f"not on this machine: the results of {len(remedies.missing)} stages{names}: 'make repro' makes them")


def changed_since(recorded: Sequence[PipelineStage], faults: Sequence[Fault], lost: Collection[str]) -> list[str]:
    """Return the stages whose command, params or dependencies differ from their entry in dvc.lock.

    An output with a fault does not count as a changed dependency. Stages whose entry is lost are left out.
    """
    faulty = {Path(fault.output) for fault in faults if fault.place == "workspace"}

    def has_changed(stage: PipelineStage) -> bool:
        deps = {Path(dep.def_path): dep for dep in stage.deps}
        sound = [dep for path, dep in deps.items() if not any(overlap(path, output) for output in faulty)]
        return stage.changed_stage() or any(dep.status() for dep in sound)

    return [stage.name for stage in recorded if stage.name not in lost and has_changed(stage)]


def overlap(one: Path, other: Path) -> bool:
    """Return whether two paths are equal or one contains the other."""
    return one.is_relative_to(other) or other.is_relative_to(one)


if __name__ == "__main__":
    run(main)
