"""The digests that DVC gives to files and folders."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from dvc.repo import Repo

FOLDER = ".dir"  # suffix of a folder's digest, which is that of its file list

_listing = Lock()  # DVC's filter of ignored files is not thread-safe


def of_bytes(content: bytes) -> str:
    """Return the digest of bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def of_file(path: Path) -> str | None:
    """Return the digest of a file's bytes, None if it is not a file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def of_folder(files: Mapping[str, str]) -> str:
    """Return the digest of a folder. files: the digest of each file by its path in the folder."""
    return of_bytes(file_list(files)) + FOLDER


def file_list(files: Mapping[str, str]) -> bytes:
    """Return a folder's file list in the form that DVC stores in its cache."""
    return json.dumps([{"md5": md5, "relpath": relative} for relative, md5 in sorted(files.items())]).encode()


def contents(repo: Repo, folder: Path) -> dict[str, str]:
    """Return the digest of each file in a folder by its path in the folder; for a file, its digest under "".

    Files that ``.dvcignore`` names are left out, and so are links to objects that the cache has lost.
    """
    if folder.is_file():
        return {"": str(of_file(folder))}
    return {path: str(of_file(folder / path)) for path in names(repo, folder)}


def names(repo: Repo, folder: Path) -> list[str]:
    """Return the paths of these files, relative to the folder."""
    with _listing:
        paths = [Path(path) for path in repo.dvcignore.find(repo.fs, str(folder.absolute()))]
    return [path.relative_to(folder.absolute()).as_posix() for path in paths if path.exists()]
