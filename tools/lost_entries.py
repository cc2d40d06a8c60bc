"""Entries of dvc.lock that are damaged or gone, and where a good copy of each is: in git or in DVC's run cache."""

import functools
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA
from dvc.utils.serialize import load_yaml

from noisy_mnist.core.errors import UserError
from tools import git, lockfile
from tools.lockfile import LOCK_FILE, Entry
from tools.repository import stages

DIGEST = r"[0-9a-f]{32}(\.dir)?"


def find_lost_entries(repo: Repo) -> dict[str, Entry]:
    """Return the stages of the graph whose entry in dvc.lock is damaged or gone, each with an entry to put there.

    A good entry is git's, be it the other side's of a merge, or one that DVC has noted in its run cache after a run, or
    one that fits the files here. Of stages whose outputs are in no cache DVC notes nothing: then the right paths and
    keys and well-formed digests will do. Without a readable copy of dvc.lock in git, what is gone cannot be told from
    what has never run: then nothing is lost.
    The entry to put there is that of a run whose outputs stand here, or else git's.
    """
    known, present = committed(), lockfile.entries()
    other = [stage for stage in stages(repo) if known.get(stage.name) not in (None, present.get(stage.name))]
    merging = _index() if other else []
    runs = _run_cache(repo) if other else []
    noted = {run["cmd"] for run in runs}
    describe = functools.cache(functools.partial(lockfile.description, repo))
    lost = {}
    for stage in other:
        entry, current = present.get(stage.name), lockfile.current_entry(stage, describe)
        formed = stage.cmd not in noted and entry is not None and _form(entry) == _form(current)
        in_index = entry is not None and any(side.get(stage.name) == entry for side in merging)
        if entry not in [current, *runs] and not formed and not in_index:
            made_here = [current] if current in runs else [run for run in runs if run["outs"] == current["outs"]]
            lost[stage.name] = [*made_here, known[stage.name]][0]
    return lost


def committed() -> dict[str, Entry]:
    """Return the entries of git's copy of dvc.lock; none if there is no copy, or one that cannot be read."""
    try:
        return lockfile.parse(git.read(LOCK_FILE))
    except UserError:  # with the markers of a merge conflict, perhaps
        return {}


def _index() -> list[dict[str, Entry]]:
    """Return the entries in git's index: what is to be committed, or both sides of a conflict."""
    sides = []
    for stage, text in git.staged(LOCK_FILE).items():
        with suppress(UserError):  # someone has staged what cannot be read
            sides += [lockfile.parse(text)] if stage != 1 else []
    return sides


def _run_cache(repo: Repo) -> list[Entry]:
    """Return the entries in DVC's run cache; what cannot be read there, DVC itself throws away."""
    entries = []
    for path in Path(repo.stage_cache.cache_dir).glob("*/*/*"):
        with suppress(Exception):  # DVC may raise anything for a damaged file
            entries.append(COMPILED_LOCK_FILE_STAGE_SCHEMA(load_yaml(path)))
    return entries


def _form(entry: Entry) -> Any:
    """Return what an entry says beside values of params, sizes and digests, and which of these are well-formed."""
    items = [
        (kind, item.get("path"), item.get("hash"), sorted(item), re.fullmatch(DIGEST, str(item.get("md5"))) is not None)
        for kind in ("deps", "outs")
        for item in entry.get(kind, [])
    ]
    return entry.get("cmd"), {file: sorted(keys) for file, keys in entry.get("params", {}).items()}, items
