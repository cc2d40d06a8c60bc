"""DVC's cache: where it keeps an object, whether that is whole, and putting a result there."""

from pathlib import Path

from dvc.repo import Repo

from noisy_mnist.core import files
from tools import digests


def object_path(repo: Repo, md5: str) -> Path:
    """Return where the cache keeps the object with a digest."""
    return Path(repo.cache.local.oid_to_path(md5))


def holds(repo: Repo, md5: str) -> bool:
    """Return whether the cache has the object with a digest, and the object has that digest."""
    return is_whole(object_path(repo, md5), md5)


def is_whole(path: Path, md5: str) -> bool:
    """Return whether a file of a cache or remote is the object with a digest."""
    return digests.of_file(path) == md5.removesuffix(digests.FOLDER)


def store(repo: Repo, path: Path) -> None:
    """Put a file or folder of the workspace into the cache, as far as the cache lacks it.

    ``dvc commit`` would do it too, but also note in dvc.lock whatever the dependencies are at that moment.
    """
    contents = digests.contents(repo, path)
    wanted = {md5: (path / relative).read_bytes for relative, md5 in contents.items()}
    if path.is_dir():
        wanted[digests.of_folder(contents)] = lambda: digests.file_list(contents)
    for md5, read in wanted.items():
        if not object_path(repo, md5).exists():
            with files.replacing(object_path(repo, md5)) as partial:
                partial.write_bytes(read())
                partial.chmod(0o444)
