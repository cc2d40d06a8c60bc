"""The git repository that contains the working folder, and its files as last committed."""

import os
import subprocess
from pathlib import Path

from noisy_mnist.core.errors import UserError
from tools import digests

# Variables that select the repository: in a git hook, the outer one. Others, such as settings, are the user's.
NAMING = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
}
# The repository formats that DVC can read.
FORMATS = {"GIT_DEFAULT_HASH": "sha1", "GIT_DEFAULT_REF_FORMAT": "files"}


def environment() -> dict[str, str]:
    """Return an environment in which git uses the repository of its working folder, as DVC does."""
    return {name: value for name, value in os.environ.items() if name not in NAMING} | FORMATS


def check(folder: Path) -> None:
    """Raise UserError if a folder is in no git repository."""
    here = folder.absolute()
    if not any((place / ".git").exists() for place in (here, *here.parents)):
        todo = "get the project with 'git clone', or make one with 'git init', 'git add --all' and 'git commit'"
        raise UserError(f"expected a git repository, found none in {here} or above: {todo}")


def run(*arguments: str, folder: Path = Path()) -> bytes:
    """Run git in a folder and return its stdout. Raises UserError with git's message, often a remedy, if it fails."""
    done = _run(*arguments, folder=folder)
    if done.returncode:
        check(folder)
        raise UserError(f"'git {arguments[0]}' failed in {folder.absolute()}: {os.fsdecode(done.stderr).strip()}")
    return done.stdout


def committed(path: Path, commit: str = "HEAD") -> dict[Path, str]:
    """Return git's object ID of a file, or of each file in a folder, by path; empty if none is committed.

    That is so only if the commit lacks the path, or if there is no commit yet. Raises UserError if git fails.
    """
    if _run("rev-parse", "--verify", "--quiet", commit).returncode == 1:
        run("rev-list", "--max-count=1", "--all")  # fails if the branch is damaged; otherwise there is no commit yet
        return {}
    lines = run("ls-tree", "-r", "-z", commit, "--", str(path)).split(b"\0")[:-1]
    parts = [os.fsdecode(line).split("\t", 1) for line in lines]
    return {Path(name): about.split()[2] for about, name in parts}


def names(folder: Path) -> list[str]:
    """Return the paths of a folder's committed files, relative to the folder."""
    return list(_below(folder))


def read(path: Path, commit: str = "HEAD") -> bytes:
    """Return the committed bytes of a file, empty if it is not committed."""
    found = committed(path, commit).get(path)
    return run("cat-file", "blob", found) if found else b""


def staged(path: Path) -> dict[int, bytes]:
    """Return the bytes of a file in git's index by stage: 0, or in a conflict 1 (ancestor), 2 (ours), 3 (theirs)."""
    lines = run("ls-files", "--stage", "-z", "--", str(path)).split(b"\0")[:-1]
    abouts = [os.fsdecode(line).split("\t")[0].split() for line in lines]
    return {int(stage): run("cat-file", "blob", found) for _, found, stage in abouts}


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of each committed file in a folder by its path in the folder."""
    return {relative: digests.of_bytes(run("cat-file", "blob", found)) for relative, found in _below(folder).items()}


def digest(path: Path) -> str:
    """Return the digest of a committed file or folder."""
    files = contents(path)
    return digests.of_folder(files) if files else digests.of_bytes(read(path))


def _below(folder: Path) -> dict[str, str]:
    """Return git's object ID of each committed file in a folder, by its path in the folder."""
    return {path.relative_to(folder).as_posix(): found for path, found in committed(folder).items() if path != folder}


def _run(*arguments: str, folder: Path = Path()) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, whatever its exit status. Raises UserError if it is not installed."""
    try:
        return subprocess.run(["git", *arguments], cwd=folder, env=environment(), capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("expected the program 'git', found none on the PATH: install git") from None
