"""Damaged or missing entries of dvc.lock, and a good copy of each from git or DVC's run cache."""

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
    """Return the stages of the graph whose entry in dvc.lock is damaged or missing, each with an entry to replace it.

    An entry is good if git has it, on either side of a merge, if DVC's run cache has it, or if it matches the files in
    the workspace. The run cache has no entries of stages whose outputs are in no cache. For these, the right paths and
    keys and well-formed digests are enough. Without a readable copy of dvc.lock in git, a missing entry cannot be told
    from a stage that has never run, so nothing counts as lost.
    The replacement is the entry of a run whose outputs are in the workspace, or else git's.
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
            made_here = [current] if current in runs else [run for run in runs if run.get("outs") == current["outs"]]
            lost[stage.name] = [*made_here, known[stage.name]][0]
    return lost


def committed() -> dict[str, Entry]:
    """Return the entries of git's copy of dvc.lock; none if there is no readable copy."""
    try:
        return lockfile.parse(git.read(LOCK_FILE))
    except UserError:  # with the markers of a merge conflict, perhaps
        return {}


def _index() -> list[dict[str, Entry]]:
    """Return the entries in git's index: those staged, or both sides of a conflict."""
    sides = []
    for stage, text in git.staged(LOCK_FILE).items():
        with suppress(UserError):  # an unreadable file is staged
            sides += [lockfile.parse(text)] if stage != 1 else []
    return sides


def _run_cache(repo: Repo) -> list[Entry]:
    """Return the entries in DVC's run cache, except unreadable ones, which DVC discards too."""
    entries = []
    for path in Path(repo.stage_cache.cache_dir).glob("*/*/*"):
        with suppress(Exception):  # DVC may raise anything for a damaged file
            entries.append(COMPILED_LOCK_FILE_STAGE_SCHEMA(load_yaml(path)))
    return entries


def _form(entry: Entry) -> Any:
    """Return an entry without its params values, sizes and digests, but with whether each digest is well-formed."""
    items = [
        (kind, item.get("path"), item.get("hash"), sorted(item), re.fullmatch(DIGEST, str(item.get("md5"))) is not None)
        for kind in ("deps", "outs")
        for item in entry.get(kind, [])
    ]
    return entry.get("cmd"), {file: sorted(keys) for file, keys in entry.get("params", {}).items()}, items
