"""DVC's cache: where it keeps an object, whether that is whole, and putting a result there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from noisy_mnist.core.errors import UserError
from tools import digests


def path_in(store: Any, md5: str) -> Path:
    """Return where a cache or a remote of DVC keeps the object with a digest."""
    return Path(store.oid_to_path(md5))


def object_path(repo: Repo, md5: str) -> Path:
    """Return where the cache of a repository keeps the object with a digest."""
    return path_in(repo.cache.local, md5)


def holds(repo: Repo, md5: str) -> bool:
    """Return whether the cache has the object with a digest, and the object has that digest."""
    return is_whole(object_path(repo, md5), md5)


def is_whole(path: Path, md5: str) -> bool:
    """Return whether a file of a cache or remote is the object with a digest."""
    return digests.of_file(path) == md5.removesuffix(digests.FOLDER)


def remove_dead_links(repo: Repo, outputs: Iterable[Path]) -> None:
    """Remove links to objects that the cache has lost, so that DVC, which stumbles over them, finds a missing file.

    As after 'dvc gc' in another project that shares the cache. Raises UserError if all of the cache is gone: it may be
    on a disk that is not mounted.
    """
    paths = (path for output in outputs for path in (output, *output.rglob("*")))
    dead = [path for path in paths if path.is_symlink() and not path.exists()]
    if dead and not Path(repo.cache.local.path).exists():
        raise UserError(f"{dead[0]} is a link into a cache that is not there, {repo.cache.local.path}: bring it back")
    for path in dead:
        path.unlink()
    if dead:
        print(
            f"{len(dead)} links to objects that the cache has lost are removed, such as {dead[0]}: they are made again"
        )


def store(repo: Repo, path: Path) -> None:
    """Put a file or folder of the workspace into the cache, as far as the cache lacks it, with the rights DVC gives.

    ``dvc commit`` would do it too, but also note in dvc.lock whatever the dependencies are at that moment. Raises
    UserError if the cache cannot be written to.
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
