"""Put right what a killed dvc leaves half-written: its list of paths in use, and dvc.lock."""

import json
import shutil
from pathlib import Path

from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.lock import make_lock
from dvc.repo import Repo

from noisy_mnist import files
from tools import results

IN_USE = Path(".dvc/tmp/rwlock")
ASIDE = Path(".dvc/tmp/dvc.lock.unreadable")


def mend() -> None:
    """Wait until no other dvc writes, then replace what cannot be read, and say so.

    dvc writes both files in place: one that dies meanwhile leaves a part, and every later one refuses to start. Paths
    in use are forgotten with the process that used them. dvc.lock becomes git's copy; what was run since comes back
    from DVC's run cache, not by running it again.
    """
    IN_USE.parent.mkdir(parents=True, exist_ok=True)
    with make_lock(str(IN_USE.with_name("lock")), wait=True), make_lock(f"{IN_USE}.lock", wait=True):
        try:
            json.loads(IN_USE.read_text() if IN_USE.exists() else "{}")
        except ValueError:
            IN_USE.unlink()
            print(f"{IN_USE} was half-written, as a killed dvc leaves it: removed")
        if not readable():
            shutil.move(results.LOCK_FILE, ASIDE)
            copy = results.git_copy()
            if copy:
                with files.replacing(results.LOCK_FILE) as path:
                    path.write_text(copy)
            instead = "git's copy stands in its place" if copy else "git has no copy: dvc begins a new one"
            print(f"dvc.lock could not be read and is {ASIDE} now; {instead}")


def readable() -> bool:
    """Return whether dvc can read dvc.lock; one that is missing is an empty one."""
    with Repo(".") as repo:
        try:
            Lockfile(repo, str(results.LOCK_FILE.resolve())).load()
        except (DvcException, ValueError):  # ValueError: no UTF-8
            return False
    return True
