"""Restore what 'make verify' finds missing or damaged, from an intact copy or else by rerunning its stage."""

from collections.abc import Iterable
from pathlib import Path

from noisy_mnist.core import files
from tools import cache, foreign, git, lockfile, publish, verify
from tools.command import call, run
from tools.faults import Fault, find_faults
from tools.lost_entries import find_lost_entries
from tools.recover import recover
from tools.remedies import choose_remedies
from tools.repository import exclusive, open_repo, stages


def main() -> int:
    """Repair, verify, and return the exit status of the verification.

    Nothing that may be of value is deleted. A stage is rerun only if that gives what dvc.lock says: if its command,
    params and dependencies have not changed.
    """
    recover()
    with exclusive():
        with open_repo() as repo:
            lost = find_lost_entries(repo)
        if lost:
            lockfile.change(lost)
            print(f"> entries of dvc.lock are brought back: {' '.join(lost)}")
        with open_repo() as repo:
            faults = find_faults(repo)
            remedies = choose_remedies(repo, faults)
            for fault in faults:
                if fault.place == "workspace" and fault.path.is_symlink() and fault.path.exists():
                    repo.cache.local.unprotect(str(fault.path))  # now a separate file, to be set aside
            for fault in faults:
                if fault.place == "cache" and fault.problem == "damaged":
                    files.remove(fault.path)  # two stages may share an object of the cache
            set_aside(fault for fault in faults if (fault.stage, fault.output) in remedies.checkout + remedies.from_git)
            for _, output in remedies.store:
                print(f"> {output} is copied to the cache")
                cache.store(repo, Path(output))
            for path in [path for _, output in remedies.from_git for path in missing(Path(output))]:
                print(f"> {path} is brought back from git")
                with files.replacing(path) as partial:
                    partial.write_bytes(git.read(path))
            while publish.restore(repo):  # the files of a folder are known once its list is restored
                pass
    if remedies.checkout:
        call(["dvc", "--wait-for-lock", "checkout", "--force", *(output for _, output in remedies.checkout)])
    for name in remedies.run:
        with open_repo() as repo:
            current = lockfile.current_entry(next(stage for stage in stages(repo) if stage.name == name))
        if not lockfile.same_run(current, lockfile.entries()[name]):
            print(f"> {name} cannot be repaired: what it depends on has changed or is missing: 'make repro' runs it")
        else:
            set_aside(fault for fault in faults if fault.stage == name)
            call(["dvc", "--wait-for-lock", "repro", "--single-item", name])
    return verify.main()


def set_aside(faults: Iterable[Fault]) -> None:
    """Move wrong files in the workspace out of the way: they may exist nowhere else."""
    moved = [fault for fault in faults if fault.place == "workspace" and fault.problem in ("damaged", "foreign")]
    for path in [fault.path for fault in moved]:
        print(f"> {foreign.set_aside(path)}")


def missing(output: Path) -> list[Path]:
    """Return the committed files of an output that are missing from the workspace."""
    paths = [output / relative for relative in git.names(output)] or [output]
    return [path for path in paths if not path.exists()]


if __name__ == "__main__":
    run(main)
