"""Files as they were last committed to git."""

import subprocess
from pathlib import Path

from tools import digests


def files_in(folder: Path) -> list[str]:
    """Return the paths of a folder's files, below the folder."""
    command = ["git", "ls-tree", "-r", "-z", "--name-only", f"HEAD:./{folder}"]
    run = subprocess.run(command, capture_output=True, check=False)
    return run.stdout.decode().split("\0")[:-1]


def read(path: Path, revision: str = "HEAD") -> bytes:
    """Return the bytes of a file in a revision, none if it is not there.

    ":0" is git's index; for a file in conflict ":1", ":2" and ":3" are the common ancestor, our side and theirs there.
    """
    run = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else b""


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder by its path below it."""
    return {relative: digests.of_bytes(read(folder / relative)) for relative in files_in(folder)}


def digest(path: Path) -> str:
    """Return the digest of a file or folder."""
    files = contents(path)
    return digests.of_folder(files) if files else digests.of_bytes(read(path))
