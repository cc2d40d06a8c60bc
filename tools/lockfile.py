"""dvc.lock: reading and changing its entries, and the entry that DVC would write for a stage."""

import copy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.stage import PipelineStage
from dvc.utils.serialize import dump_yaml, load_yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import digests

LOCK_FILE = Path("dvc.lock")

# The parts of an entry that say what was run; the rest, "outs", is the result.
WHAT_RAN = ("cmd", "params", "deps")

Entry = dict[str, Any]


def holds_markers(path: Path) -> bool:
    """Return whether git has left the markers of a merge conflict in a file."""
    return path.exists() and any(line.startswith(b"<<<<<<< ") for line in path.read_bytes().splitlines())


def readable(path: Path) -> bool:
    """Return whether DVC can read a lock file; a missing one counts as empty."""
    try:
        if path.exists():
            COMPILED_LOCKFILE_SCHEMA(load_yaml(path))
    except Exception:  # DVC may raise anything for a damaged file
        return False
    return True


def parse(text: bytes) -> dict[str, Entry]:
    """Return the entries of a lock file by stage. Raises UserError if it is not a YAML mapping."""
    try:
        data = YAML(typ="safe").load(text) or {}
        found = dict(data.get("stages") or {})
        if strange := [name for name, entry in found.items() if not isinstance(entry, dict)]:
            raise ValueError(f"expected a mapping for each stage, found something else for {strange[0]}")
        return found
    except (YAMLError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{LOCK_FILE} cannot be read: {error}") from None


def entries() -> dict[str, Entry]:
    """Return the entries of dvc.lock by stage. Raises UserError if it is not a YAML mapping."""
    return parse(LOCK_FILE.read_bytes()) if LOCK_FILE.exists() else {}


def change(replaced: Mapping[str, Entry], removed: Iterable[str] = ()) -> None:
    """Replace and remove entries of dvc.lock; the others stay as DVC wrote them.

    The caller must hold DVC's lock.
    """
    lock: dict[str, Any] = load_yaml(LOCK_FILE) if LOCK_FILE.exists() else {}
    entries = (lock := lock or {}).setdefault("stages", {})
    entries.update(replaced)
    for stage in removed:
        entries.pop(stage, None)
    write(lock)


def write(lock: Mapping[str, Any]) -> None:
    """Write dvc.lock in DVC's format. The caller must hold DVC's lock."""
    # Parts that entries share would be written once, as an anchor, with aliases elsewhere.
    stages = {name: copy.deepcopy(entry) for name, entry in lock.get("stages", {}).items()}
    with files.replacing(LOCK_FILE) as path:
        dump_yaml(path, {"schema": "2.0", **lock, "stages": stages})


def same_run(one: Entry, other: Entry) -> bool:
    """Return whether two entries of a stage have the same command, params and dependencies."""
    return all(one.get(part) == other.get(part) for part in WHAT_RAN)


def current_entry(stage: PipelineStage, describe: Callable[[str], Entry] | None = None) -> Entry:
    """Return the entry that DVC would write for a stage, with its outputs as they are in the workspace.

    describe: called for each path instead of ``description``, to reuse what is already known.
    """
    entry: Entry = {"cmd": stage.cmd}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            entry["params"] = {dep.def_path: {key: dep.read_params().get(key) for key in dep.params}}
    for kind, items in (("deps", stage.deps), ("outs", stage.outs)):
        paths = sorted(str(item.def_path) for item in items if not isinstance(item, ParamsDependency))
        if paths:
            entry[kind] = [describe(path) if describe else description(stage.repo, path) for path in paths]
    return entry


def description(repo: Repo, name: str) -> Entry:
    """Return the item of an entry for a file or folder; the digest is None if it does not exist."""
    path = Path(name)
    if not path.is_dir():
        size = path.stat().st_size if path.exists() else None
        return {"path": name, "hash": "md5", "md5": digests.of_file(path), "size": size}
    contents = digests.contents(repo, path)
    size = sum((path / relative).stat().st_size for relative in contents)
    return {"path": name, "hash": "md5", "md5": digests.of_folder(contents), "size": size, "nfiles": len(contents)}
