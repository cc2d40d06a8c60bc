"""Outputs that differ from dvc.lock, in the workspace or in DVC's cache."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dvc.output import Output
from dvc.repo import Repo

from tools import cache, digests, git
from tools.repository import stages

# foreign: a file in an output folder that is not part of the output. version: other bytes than dvc.lock says; the
# cache has both these and the right ones.
Problem = Literal["missing", "damaged", "foreign", "version"]


@dataclass(frozen=True)
class Fault:
    """A file of an output that differs from dvc.lock, in the workspace or as an object in the cache."""

    stage: str
    output: str
    place: Literal["workspace", "cache"]
    path: Path
    problem: Problem

    def __str__(self) -> str:
        """Return a line for the terminal."""
        if self.problem == "version":
            return f"not the version of dvc.lock: {self.path} ('dvc checkout' restores it)"
        where = f" (in the cache, for {self.output})" if self.place == "cache" else ""
        return f"{self.problem}: {self.path}{where}, of stage {self.stage}"


def find_faults(repo: Repo) -> list[Fault]:
    """Return what is missing or differs from dvc.lock, in the order of the graph.

    Every file is read: neither its date nor DVC's own records of it are trusted. Stages without an entry in dvc.lock
    are skipped.
    """
    outputs = [(stage.name, out) for stage in stages(repo) for out in stage.outs if out.hash_info]
    with ThreadPoolExecutor() as pool:
        by_output = pool.map(lambda output: _of_output(repo, *output), outputs)
    return [fault for faults in by_output for fault in faults]


def _of_output(repo: Repo, stage: str, out: Output) -> list[Fault]:
    """Return the faults of one output."""
    files = promised_files(repo, out)
    lost = [md5 for md5 in _objects(out, files) if not cache.holds(repo, md5)] if out.use_cache else []
    paths = [cache.object_path(repo, md5) for md5 in lost]
    in_cache = [Fault(stage, out.def_path, "cache", path, "damaged" if path.exists() else "missing") for path in paths]
    recoverable = out.use_cache and not lost
    in_workspace = [
        Fault(stage, out.def_path, "workspace", Path(out.def_path) / relative, problem)
        for relative, problem in _differences(repo, out, files, recoverable)
    ]
    return in_cache + in_workspace


def promised_files(repo: Repo, out: Output) -> dict[str, str] | None:
    """Return the digest of each file of an output by its path in the output; for a file, its digest under "".

    None if a folder's file list is lost. For a folder that is in no cache, only git may have the list.
    """
    promised = out.hash_info.value
    if not promised.endswith(digests.FOLDER):
        return {"": promised}
    if not out.use_cache:
        committed = git.contents(Path(out.def_path))
        return committed if digests.of_folder(committed) == promised else None
    if not cache.holds(repo, promised):
        return None
    return {entry["relpath"]: entry["md5"] for entry in json.loads(cache.object_path(repo, promised).read_bytes())}


def _objects(out: Output, files: dict[str, str] | None) -> list[str]:
    """Return the digests of the objects that the cache should hold for an output, as far as they are known."""
    return list(dict.fromkeys([out.hash_info.value, *(files or {}).values()]))


def _differences(
    repo: Repo, out: Output, files: dict[str, str] | None, recoverable: bool
) -> Iterator[tuple[str, Problem]]:
    """Yield what is wrong with an output in the workspace, by path in the output; "" is the output itself.

    recoverable: whether the cache has the whole output.
    """
    path, promised = Path(out.def_path), out.hash_info.value

    def other_bytes(*current: str) -> Problem:
        return "version" if recoverable and all(cache.holds(repo, md5) for md5 in current) else "damaged"

    if not path.exists():
        yield "", "missing"
        return
    if not promised.endswith(digests.FOLDER):
        current = digests.of_file(path)
        if current != promised:
            yield "", other_bytes(current) if current else "damaged"
        return
    here = digests.contents(repo, path)
    if here == files or digests.of_folder(here) == promised:
        return
    if files is None or other_bytes(digests.of_folder(here), *here.values()) == "version":
        yield "", "damaged" if files is None else "version"
        return
    for relative in sorted(here.keys() | files):
        if relative not in here:
            yield relative, "missing"
        elif relative not in files:
            yield relative, "foreign"
        elif here[relative] != files[relative]:
            yield relative, other_bytes(here[relative])
