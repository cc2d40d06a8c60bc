"""Bring back what 'make verify' finds missing or damaged: from where it is whole, else by running its stage again."""

import shutil
from pathlib import Path

from noisy_mnist import files
from tools import results, verify
from tools.command import call, run
from tools.mend import mend


def main() -> int:
    """Repair, verify, and return the exit status of that.

    Nothing whole is deleted, and a stage is only run again if it gives what dvc.lock says: if neither its command nor
    its params nor its dependencies have changed since.
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
                if fault.problem == "damaged":
                    remove(fault.path)
            for _, output in remedy.store:
                print(f"> {output} is copied to the cache")
                results.store(repo, Path(output))
            for _, output in remedy.from_git:
                print(f"> {output} is brought back from git")
                with files.replacing(Path(output)) as path:
                    path.write_bytes(results.git_copy(Path(output)))
    if remedy.checkout:
        call(["dvc", "--wait-for-lock", "checkout", "--force", *(output for _, output in remedy.checkout)])
    for name in remedy.run:
        with results.open_repo() as repo:
            changed = results.changed(next(stage for stage in repo.index.stages if stage.name == name))
        if changed:
            print(f"> {name} cannot be repaired: what it depends on has changed or is missing: 'make repro' runs it")
        else:
            call(["dvc", "--wait-for-lock", "repro", "--single-item", name])
    return verify.main()


def remove(path: Path) -> None:
    """Delete a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # two stages may share an object of the cache


if __name__ == "__main__":
    run(main)
