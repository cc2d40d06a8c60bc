"""Recover the files that a killed dvc leaves half-written: its list of paths in use, and dvc.lock."""

import itertools
import shutil

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import git, lockfile
from tools.lockfile import LOCK_FILE
from tools.merge import merge_conflict
from tools.repository import IN_USE, check_project, dvc_lock, paths_in_use


def recover() -> None:
    """Wait until no other dvc is writing, then replace unreadable files, and name them.

    DVC writes both files in place. A dvc that dies meanwhile leaves a partial file, and every later dvc refuses to
    start. A partial list of paths in use is deleted: the process that used them has ended. dvc.lock becomes git's copy;
    results of later runs come back from DVC's run cache, without running again. The sides of a merge conflict in
    dvc.lock are merged. Raises UserError if they cannot be merged, if another file has a conflict that DVC would fail
    on, or if git fails.
    """
    check_project()
    IN_USE.parent.mkdir(parents=True, exist_ok=True)
    with dvc_lock("lock"), dvc_lock("rwlock.lock"):
        try:
            paths_in_use()
        except UserError:
            IN_USE.unlink()
            print(f"{IN_USE} was half-written, as a killed dvc leaves it: removed")
        if not (merge_conflict() or lockfile.readable(LOCK_FILE)):
            _replace_lock_file()


def _replace_lock_file() -> None:
    """Set an unreadable dvc.lock aside and put git's copy in its place, if git has one."""
    names = (IN_USE.with_name(f"dvc.lock.{number}") for number in itertools.count())
    aside = next(path for path in names if not path.exists())
    shutil.copy2(LOCK_FILE, aside)
    with files.replacing(LOCK_FILE) as path:
        path.write_bytes(git.read(LOCK_FILE) or b"schema: '2.0'\n")
        if not lockfile.readable(path):
            path.write_text("schema: '2.0'\n", encoding="utf-8")
    print(f"{LOCK_FILE} could not be read: moved to {aside}; git's copy, if there is one, replaces it")
