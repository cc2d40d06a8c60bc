"""Publish the outputs marked ``remote: results``: copy them to that DVC remote, a folder in git; delete old ones."""

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

# Returns an intact copy of the object with a digest, None if there is none.
Find = Callable[[str], Path | None]


def main() -> None:
    """Copy the marked outputs that dvc.lock names from the cache; then delete the objects that it no longer names.

    An intact object in the remote counts as published even if the cache lacks it, as in a fresh clone. 'dvc push' would
    trust whatever is there, deletes nothing, and exits with status 1 if no default remote is set. Raises UserError, and
    deletes nothing, if an output is intact neither in the cache nor in the remote, or if an object of a stage that is
    only in dvc.lock is damaged there.
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
            todo = "'make repair' brings them back from git or the cache; else 'make prune' drops them"
            raise UserError(f"{found}: {todo}. Then publish again")
        kept = {cache.path_in(remote, md5) for md5 in [*sources, *left_behind(repo, find)]}
        outdated = [path for path in Path(remote.path).rglob("*") if path.is_file() and path not in kept]
        for path in outdated:
            path.unlink()
    deleted = f" {len(outdated)} outdated files are deleted." if outdated else ""
    print(f".dvc/{REMOTE} holds {len(recorded)} of {len(marked)} results.{deleted} Commit it with dvc.lock")


def find_damaged(repo: Repo) -> dict[Path, str]:
    """Return the digests, by path, of the published objects that are damaged or missing in the remote.

    Objects that dvc.lock names count as published if the remote has them in any form, or if git has them: DVC deletes
    damaged ones when it pulls.
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
    """Restore damaged objects from git, or else from the cache, and name them; return whether any was restored."""
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
    """Return the intact copy of an object in the remote, or else in the cache; None if neither has one."""
    places = (cache.path_in(remote, md5), cache.object_path(repo, md5))
    return next((path for path in places if cache.is_whole(path, md5)), None)


def marked_outputs(repo: Repo) -> list[Output]:
    """Return the outputs of the graph that are marked for the remote."""
    return [out for stage in stages(repo) for out in stage.outs if out.remote == REMOTE]


def refuse_lost(recorded: Mapping[str, Mapping[str, Path | None]]) -> None:
    """Raise UserError if an output has an object without an intact copy."""
    lost = [name for name, copies in recorded.items() if None in copies.values()]
    if lost:
        where = f"neither in the cache nor in .dvc/{REMOTE}, such as {lost[0]}"
        todo = "'make repair' brings back what is whole in the workspace or in git, 'make repro' recreates the rest"
        raise UserError(f"{len(lost)} of {len(recorded)} results are {where}: {todo}")


def objects(md5: str, find: Find) -> dict[str, Path | None]:
    """Return the objects of an output by digest, each with an intact copy: the file, or a folder's list and files.

    If the list is lost, only its own digest is returned.
    """
    copies = {md5: find(md5)}
    if md5.endswith(digests.FOLDER) and (file_list := copies[md5]):
        copies |= {entry["md5"]: find(entry["md5"]) for entry in json.loads(file_list.read_bytes())}
    return copies


def left_behind(repo: Repo, find: Find) -> Iterator[str]:
    """Yield the digests of the objects of outputs whose stage is in dvc.lock but not in the graph.

    They may be needed again, as when a model is added back. 'make prune' removes their entries from dvc.lock.
    """
    named = {stage.name for stage in stages(repo)}
    for name, entry in lockfile.entries().items():
        if name not in named:
            for out in entry.get("outs", []):
                if "md5" in out:  # not in a damaged entry
                    yield from objects(out["md5"], find)


if __name__ == "__main__":
    run(main)
