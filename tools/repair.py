"""Bring back what 'make verify' finds missing or damaged: from where it is whole, else by running its stage again."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from noisy_mnist import files
from tools import results, verify
from tools.command import call, run
from tools.mend import mend

# Where damaged and foreign files of the workspace are moved to.
ASIDE = Path(".dvc/tmp/aside")


def main() -> int:
    """Repair, verify, and return the exit status of that.

    Nothing that may be of worth is deleted, and a stage is only run again if it gives what dvc.lock says: if neither
    its command nor its params nor its dependencies have changed since.
    """
    mend()
    with results.quiet():
        with results.open_repo() as repo:
            lost = results.lost_entries(repo)
        if lost:
            results.change_entries(lost)
            print(f"> entries of dvc.lock are brought back: {' '.join(lost)}")
        with results.open_repo() as repo:
            faults = results.faults(repo)
            remedy = results.remedy(repo, faults)
            for fault in faults:
                if fault.place == "cache" and fault.problem == "damaged":
                    remove(fault.path)
            set_aside(fault for fault in faults if (fault.stage, fault.output) in remedy.checkout + remedy.from_git)
            for _, output in remedy.store:
                print(f"> {output} is copied to the cache")
                results.store(repo, Path(output))
            for path in [path for _, output in remedy.from_git for path in missing(Path(output))]:
                print(f"> {path} is brought back from git")
                with files.replacing(path) as partial:
                    partial.write_bytes(results.git_copy(path))
    if remedy.checkout:
        call(["dvc", "--wait-for-lock", "checkout", "--force", *(output for _, output in remedy.checkout)])
    for name in remedy.run:
        with results.open_repo() as repo:
            changed = results.changed(next(stage for stage in repo.index.stages if stage.name == name))
        if changed:
            print(f"> {name} cannot be repaired: what it depends on has changed or is missing: 'make repro' runs it")
        else:
            set_aside(fault for fault in faults if fault.stage == name)
            call(["dvc", "--wait-for-lock", "repro", "--single-item", name])
    return verify.main()


def set_aside(faults: Iterable[results.Fault]) -> None:
    """Move what stands in the workspace in place of the right files out of the way: it may exist nowhere else."""
    for path in [fault.path for fault in faults if fault.place == "workspace" and fault.problem != "missing"]:
        place = ASIDE / path
        while place.exists():
            place = place.with_name(f"{place.name}~")
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
        print(f"> {path} is {place} now")


def missing(output: Path) -> list[Path]:
    """Return the committed files of an output that are not here."""
    paths = [output / relative for relative in results.git_files(output)] or [output]
    return [path for path in paths if not path.exists()]


def remove(path: Path) -> None:
    """Delete a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # two stages may share an object of the cache


if __name__ == "__main__":
    run(main)
