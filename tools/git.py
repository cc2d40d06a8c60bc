"""The git repository that the working folder lies in, at its top or below, and files as last committed there."""

import os
import subprocess
from pathlib import Path

from noisy_mnist.core.errors import UserError
from tools import digests

# What says which repository to use: in a git hook, the one outside. Other variables, such as settings, are the user's.
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
# Of the repositories that git can make, DVC reads these.
FORMATS = {"GIT_DEFAULT_HASH": "sha1", "GIT_DEFAULT_REF_FORMAT": "files"}


def environment() -> dict[str, str]:
    """Return the environment with which git uses the repository of its working folder, as DVC does."""
    return {name: value for name, value in os.environ.items() if name not in NAMING} | FORMATS


def check(folder: Path) -> None:
    """Raise UserError if a folder lies in no git repository."""
    here = folder.absolute()
    if not any((place / ".git").exists() for place in (here, *here.parents)):
        todo = "get the project with 'git clone', or make one with 'git init', 'git add --all' and 'git commit'"
        raise UserError(f"expected a git repository, found none in {here} or above: {todo}")


def run(*arguments: str, folder: Path = Path()) -> bytes:
    """Run git in a folder and return what it prints. If it fails, raises UserError with its message, often a remedy."""
    done = _run(*arguments, folder=folder)
    if done.returncode:
        check(folder)
        raise UserError(f"'git {arguments[0]}' failed in {folder.absolute()}: {os.fsdecode(done.stderr).strip()}")
    return done.stdout


def committed(path: Path) -> dict[Path, str]:
    """Return git's object of a file, or of each file in a folder, by path; empty if git has none.

    Only what the last commit does not have counts as not committed. Raises UserError for any other failure.
    """
    if _run("rev-parse", "--verify", "--quiet", "HEAD").returncode == 1:
        run("rev-list", "--max-count=1", "--all")  # fails if the branch is damaged: else it has no commit yet
        return {}
    lines = run("ls-tree", "-r", "-z", "HEAD", "--", str(path)).split(b"\0")[:-1]
    parts = [os.fsdecode(line).split("\t", 1) for line in lines]
    return {Path(name): about.split()[2] for about, name in parts}


def names(folder: Path) -> list[str]:
    """Return the paths of a folder's files, below the folder."""
    return list(_below(folder))


def read(path: Path) -> bytes:
    """Return the bytes of a file, none if it was never committed."""
    found = committed(path).get(path)
    return run("cat-file", "blob", found) if found else b""


def staged(path: Path) -> dict[int, bytes]:
    """Return the bytes of a file in git's index: as stage 0, or in a conflict as 1 (common ancestor), 2 (ours), 3."""
    lines = run("ls-files", "--stage", "-z", "--", str(path)).split(b"\0")[:-1]
    abouts = [os.fsdecode(line).split("\t")[0].split() for line in lines]
    return {int(stage): run("cat-file", "blob", found) for _, found, stage in abouts}


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder by its path below it."""
    return {relative: digests.of_bytes(run("cat-file", "blob", found)) for relative, found in _below(folder).items()}


def digest(path: Path) -> str:
    """Return the digest of a file or folder."""
    files = contents(path)
    return digests.of_folder(files) if files else digests.of_bytes(read(path))


def _below(folder: Path) -> dict[str, str]:
    """Return git's object of each of a folder's files, by path below the folder."""
    return {path.relative_to(folder).as_posix(): found for path, found in committed(folder).items() if path != folder}


def _run(*arguments: str, folder: Path = Path()) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, whatever its exit status. Raises UserError if it is not installed."""
    try:
        return subprocess.run(["git", *arguments], cwd=folder, env=environment(), capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("expected the program 'git', found none on the PATH: install git") from None
