"""Publish the outputs marked ``remote: results``: copy them to that DVC remote, a folder in git, and tidy up there."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dvc.config import ConfigError
from dvc.output import Output
from dvc.repo import Repo

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import cache, digests, git, lockfile
from tools.command import run
from tools.repository import dvc_lock, open_repo, stages

REMOTE = "results"

# From the digest of an object to a whole copy of it, None if there is none.
Find = Callable[[str], Path | None]


def main() -> None:
    """Copy what dvc.lock says of the marked outputs from the cache; then delete the objects that it no longer names.

    What is whole in the remote is published, also where the cache lacks it, as in a fresh clone. 'dvc push' would trust
    whatever stands there, deletes nothing, and ends with status 1 where no default remote is set. Raises UserError, and
    deletes nothing, if an output is whole neither in the cache nor in the remote, or what an entry of no stage of the
    graph names is damaged there.
    """
    with open_repo() as repo, dvc_lock("lock"):
        remote = open_remote(repo)
        find = partial(whole_copy, repo, remote)
        marked = marked_outputs(repo)
        recorded = {out.def_path: objects(out.hash_info.value, find) for out in marked if out.hash_info}
        refuse_lost(recorded)
        sources = {md5: path for copies in recorded.values() for md5, path in copies.items() if path}
        for md5, path in sources.items():
            if path != cache.path_in(remote, md5):
                with files.replacing(cache.path_in(remote, md5)) as copy:
                    shutil.copyfile(path, copy)
        if damaged := find_damaged(repo):
            found = f"{len(damaged)} objects in .dvc/{REMOTE} are damaged, such as {next(iter(damaged))}"
            raise UserError(f"{found}: 'make repair' brings them back from git. Then publish again")
        kept = {cache.path_in(remote, md5) for md5 in [*sources, *left_behind(repo, find)]}
        outdated = [path for path in Path(remote.path).rglob("*") if path.is_file() and path not in kept]
        for path in outdated:
            path.unlink()
    deleted = f" {len(outdated)} outdated files are deleted." if outdated else ""
    print(f".dvc/{REMOTE} holds {len(recorded)} of {len(marked)} results.{deleted} Commit it with dvc.lock")


def find_damaged(repo: Repo) -> dict[Path, str]:
    """Return the digest of each object, by path, that the remote should hold whole and does not.

    Those are the objects that dvc.lock names, if the remote has them in any form or git has them: DVC deletes damaged
    ones as it pulls. What was never published is not damaged.
    """
    remote = open_remote(repo)
    find = partial(whole_copy, repo, remote)
    recorded = [objects(out.hash_info.value, find) for out in marked_outputs(repo) if out.hash_info]
    named = {*left_behind(repo, find), *(md5 for copies in recorded for md5 in copies)}
    paths = {Path(os.path.relpath(cache.path_in(remote, md5))): md5 for md5 in sorted(named)}
    in_git = git.committed(Path(".dvc", REMOTE))
    damaged = {path: md5 for path, md5 in paths.items() if not cache.is_whole(path, md5)}
    return {path: md5 for path, md5 in damaged.items() if path.exists() or path in in_git}


def restore(repo: Repo) -> bool:
    """Bring damaged objects back from git, or else from the cache, and say so; return whether any came back."""
    restored = False
    for path, md5 in find_damaged(repo).items():
        content = git.read(path)
        if digests.of_bytes(content) != md5.removesuffix(digests.FOLDER):
            if not cache.holds(repo, md5):
                continue
            content = cache.object_path(repo, md5).read_bytes()
        with files.replacing(path) as partial_copy:
            partial_copy.write_bytes(content)
        print(f"> {path} is brought back")
        restored = True
    return restored


def open_remote(repo: Repo) -> Any:
    """Return the remote. Raises UserError if DVC's settings have none of that name."""
    try:
        return repo.cloud.get_remote_odb(REMOTE)
    except ConfigError as error:
        todo = "'git checkout -- .dvc/config' brings the project's settings back"
        raise UserError(f"expected a DVC remote '{REMOTE}', found none ({error}): {todo}") from None


def whole_copy(repo: Repo, remote: Any, md5: str) -> Path | None:
    """Return an object in the remote, or else in the cache, that has its digest; None if neither has one."""
    places = (cache.path_in(remote, md5), cache.object_path(repo, md5))
    return next((path for path in places if cache.is_whole(path, md5)), None)


def marked_outputs(repo: Repo) -> list[Output]:
    """Return the outputs of the graph that are marked for the remote."""
    return [out for stage in stages(repo) for out in stage.outs if out.remote == REMOTE]


def refuse_lost(recorded: Mapping[str, Mapping[str, Path | None]]) -> None:
    """Raise UserError if an output has an object without a whole copy."""
    lost = [name for name, copies in recorded.items() if None in copies.values()]
    if lost:
        where = f"neither in the cache nor in .dvc/{REMOTE}, such as {lost[0]}"
        todo = "'make repair' brings back what is whole in the workspace or in git, 'make repro' makes the rest again"
        raise UserError(f"{len(lost)} of {len(recorded)} results are {where}: {todo}")


def objects(md5: str, find: Find) -> dict[str, Path | None]:
    """Return the objects of an output by digest, each with a whole copy of it: the file, or a folder's list and files.

    Where the list is lost, it stands alone.
    """
    copies = {md5: find(md5)}
    if md5.endswith(digests.FOLDER) and (file_list := copies[md5]):
        copies |= {entry["md5"]: find(entry["md5"]) for entry in json.loads(file_list.read_bytes())}
    return copies


def left_behind(repo: Repo, find: Find) -> Iterator[str]:
    """Yield the digests of the objects of outputs whose stage is in dvc.lock only, not in the graph.

    They may be wanted again, as where a model comes back: 'make prune' makes dvc.lock forget them.
    """
    named = {stage.name for stage in stages(repo)}
    for name, entry in lockfile.entries().items():
        if name not in named:
            for out in entry.get("outs", []):
                yield from objects(out["md5"], find)


if __name__ == "__main__":
    run(main)
