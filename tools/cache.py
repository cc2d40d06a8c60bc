"""DVC's cache: paths of objects, checks that they are intact, and storing results."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from noisy_mnist.core.errors import UserError
from tools import digests


def path_in(store: Any, md5: str) -> Path:
    """Return the path of the object with a digest in a DVC cache or remote."""
    return Path(store.oid_to_path(md5))


def object_path(repo: Repo, md5: str) -> Path:
    """Return the path of the object with a digest in the cache of a repository."""
    return path_in(repo.cache.local, md5)


def holds(repo: Repo, md5: str) -> bool:
    """Return whether the cache has an intact object with a digest."""
    return is_whole(object_path(repo, md5), md5)


def is_whole(path: Path, md5: str) -> bool:
    """Return whether a file of a cache or remote has the digest that it should have."""
    return digests.of_file(path) == md5.removesuffix(digests.FOLDER)


def remove_dead_links(repo: Repo, outputs: Iterable[Path]) -> None:
    """Remove links to objects that the cache has lost: DVC fails on dead links, but not on missing files.

    The cause may be 'dvc gc' in another project that shares the cache. Raises UserError if the whole cache is gone: its
    disk may not be mounted.
    """
    paths = (path for output in outputs for path in (output, *output.rglob("*")))
    dead = [path for path in paths if path.is_symlink() and not path.exists()]
    if dead and not Path(repo.cache.local.path).exists():
        raise UserError(
            f"expected the cache {repo.cache.local.path}, into which {dead[0]} points, found none: "
            "mount its disk, or restore it"
        )
    for path in dead:
        path.unlink()
    if dead:
        print(
            f"{len(dead)} links to objects that the cache has lost are removed, such as {dead[0]}: they are made again"
        )


def store(repo: Repo, path: Path) -> None:
    """Copy a file or folder of the workspace to the cache, where the cache lacks it, with DVC's file permissions.

    ``dvc commit`` would also record the current dependencies in dvc.lock. Raises UserError if the cache cannot be
    written to.
    """
    contents = digests.contents(repo, path)
    try:
        for relative, md5 in contents.items():
            repo.cache.local.add(str(path / relative), repo.fs, md5)
        md5 = digests.of_folder(contents)
        if path.is_dir() and not object_path(repo, md5).exists():
            repo.cache.local.add_bytes(md5, digests.file_list(contents))
            repo.cache.local.protect(str(object_path(repo, md5)))
    except OSError as error:
        raise UserError(f"{path} could not be copied to the cache ({error}): fix that and run it again") from None
