"""What dvc.lock says of the results, and whether it is so: the bytes of every output, here and in DVC's cache."""

import fcntl
import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import psutil
from dvc.dependency.param import ParamsDependency
from dvc.lock import make_lock
from dvc.output import Output
from dvc.repo import Repo
from dvc.schema import COMPILED_LOCK_FILE_STAGE_SCHEMA, COMPILED_LOCKFILE_SCHEMA
from dvc.stage import PipelineStage
from dvc.utils.serialize import dump_yaml, load_yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist import files
from noisy_mnist.errors import UserError
from noisy_mnist.stage import LOCKS

LOCK_FILE = Path("dvc.lock")
IN_USE = Path(".dvc/tmp/rwlock")
DIGEST = r"[0-9a-f]{32}(\.dir)?"
FOLDER = ".dir"  # how DVC marks the digest of a folder: that of the list of its files


Problem = Literal["missing", "damaged", "foreign"]  # foreign: a file in an output that is not part of it


@dataclass(frozen=True)
class Fault:
    """A file of an output, in the workspace or as an object in the cache, that is not as dvc.lock says."""

    stage: str
    output: str
    place: Literal["workspace", "cache"]
    path: Path
    problem: Problem

    def __str__(self) -> str:
        """Return a line for the terminal."""
        where = f" (in the cache, for {self.output})" if self.place == "cache" else ""
        return f"{self.problem}: {self.path}{where}, of stage {self.stage}"


def open_repo() -> Repo:
    """Return the DVC repository of the working folder, which waits for locks that another dvc holds.

    Raises UserError if dvc cannot read what belongs to it.
    """
    try:
        repo = Repo(".", _wait_for_lock=True)
        _ = repo.index.stages
    except Exception as error:  # dvc raises what it likes for damaged files
        hint = "" if readable(LOCK_FILE) else f". 'make repair' replaces an unreadable {LOCK_FILE}"
        raise UserError(f"dvc cannot read the project: {error}{hint}") from None
    return repo


def readable(path: Path) -> bool:
    """Return whether a lock file is one that dvc can read; one that is missing is an empty one."""
    try:
        if path.exists():
            COMPILED_LOCKFILE_SCHEMA(load_yaml(path))
    except Exception:  # as above
        return False
    return True


@contextmanager
def quiet() -> Iterator[None]:
    """Hold dvc's lock and those of all stages. Raises UserError if a stage is at work: dvc lets go of its lock then."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    with make_lock(".dvc/tmp/lock", wait=True), ExitStack() as held:
        if owner := _user_of_paths():
            raise UserError(f"process {owner} is running a stage: wait until it ends; nothing was changed")
        for path in LOCKS.iterdir():
            lock = held.enter_context(path.open())
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"stage '{path.name}' is at work: wait until it ends; nothing was changed") from None
        yield


def _user_of_paths() -> int | None:
    """Return a living process that dvc's list of paths in use names, None if there is none.

    A dvc that runs a stage stands there, from before the stage has taken its own lock.
    """
    uses = json.loads(IN_USE.read_text()) if IN_USE.exists() else {}
    users = [*uses.get("write", {}).values(), *(user for found in uses.get("read", {}).values() for user in found)]
    return next((user["pid"] for user in users if psutil.pid_exists(user["pid"])), None)


def stages(repo: Repo) -> list[PipelineStage]:
    """Return all stages of the graph, each after those it depends on."""
    graph = repo.index.graph
    return list(TopologicalSorter({stage: list(graph.successors(stage)) for stage in graph}).static_order())


def faults(repo: Repo) -> list[Fault]:
    """Return what is missing or has other bytes than dvc.lock says, in the order of the graph.

    Every file is read: neither its date nor DVC's own records of it are trusted. Stages without an entry in dvc.lock
    have promised nothing.
    """
    outputs = [(stage.name, out) for stage in stages(repo) for out in stage.outs if out.hash_info]
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda job: list(_faults(repo, *job)), outputs)
    return [fault for part in found for fault in part]


def _faults(repo: Repo, stage: str, out: Output) -> Iterator[Fault]:
    """Yield the faults of one output."""
    promised, path, name = out.hash_info.value, Path(out.fs_path), out.def_path
    files: dict[str, str] | None = {"": promised}  # path below the output to digest; None if that is lost
    if promised.endswith(FOLDER) and not out.use_cache:  # then only git may know what was in it
        committed = committed_files(Path(name))
        files = committed if folder_digest(committed) == promised else None
    elif promised.endswith(FOLDER):
        kept = object_path(repo, promised)
        good = digest(kept) == promised.removesuffix(FOLDER)
        files = {entry["relpath"]: entry["md5"] for entry in json.loads(kept.read_bytes())} if good else None
        if not good:
            yield Fault(stage, name, "cache", kept, "damaged" if kept.exists() else "missing")
    if out.use_cache:
        for md5 in dict.fromkeys((files or {}).values()):
            stored = object_path(repo, md5)
            if digest(stored) != md5:
                yield Fault(stage, name, "cache", stored, "damaged" if stored.exists() else "missing")
    if not path.exists():
        yield Fault(stage, name, "workspace", Path(name), "missing")
    elif not promised.endswith(FOLDER):
        if digest(path) != promised:
            yield Fault(stage, name, "workspace", Path(name), "damaged")
    elif (here := contents(path)) != files and folder_digest(here) != promised:
        if files is None:
            yield Fault(stage, name, "workspace", Path(name), "damaged")
            return
        for relative in sorted(here.keys() | files):
            if here.get(relative) != files.get(relative):
                problem: Problem = "missing" if relative not in here else "damaged" if relative in files else "foreign"
                yield Fault(stage, name, "workspace", Path(name) / relative, problem)


def object_path(repo: Repo, md5: str) -> Path:
    """Return where DVC's cache keeps the object with a digest."""
    return Path(repo.cache.local.oid_to_path(md5))


def cached(repo: Repo, path: Path) -> bool:
    """Return whether the cache has an object for the bytes of a file."""
    return object_path(repo, str(digest(path))).exists()


def digest_of(content: bytes) -> str:
    """Return the MD5 of bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def digest(path: Path) -> str | None:
    """Return the MD5 of a file's bytes, None if it is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder, by its path below it."""
    return {path.relative_to(folder).as_posix(): str(digest(path)) for path in files_in(folder)}


def files_in(path: Path) -> list[Path]:
    """Return a file itself, or all files in a folder."""
    return [found for found in [path, *path.rglob("*")] if found.is_file()]


def listing(files: dict[str, str]) -> bytes:
    """Return the list of the files in a folder as DVC keeps it."""
    return json.dumps([{"md5": md5, "relpath": relative} for relative, md5 in sorted(files.items())]).encode()


def folder_digest(files: dict[str, str]) -> str:
    """Return the digest that DVC gives to a folder with these files."""
    return digest_of(listing(files)) + FOLDER


def store(repo: Repo, path: Path) -> None:
    """Put a file or folder of the workspace into the cache, as far as the cache lacks it.

    ``dvc commit`` would do it too, but also note in dvc.lock whatever the dependencies are at that moment.
    """
    found = contents(path) if path.is_dir() else {"": str(digest(path))}
    wanted = {md5: (path / relative).read_bytes for relative, md5 in found.items()}
    if path.is_dir():
        wanted[folder_digest(found)] = lambda: listing(found)
    for md5, read in wanted.items():
        if not object_path(repo, md5).exists():
            with files.replacing(object_path(repo, md5)) as partial:
                partial.write_bytes(read())
                partial.chmod(0o444)


def lost_entries(repo: Repo) -> dict[str, dict[str, Any]]:
    """Return the stages of the graph whose entry in dvc.lock is damaged or gone, each with an entry to put there.

    A good entry is git's, or one that dvc has noted in its run cache after a run, or one that fits the files here. Of
    stages whose outputs are in no cache dvc notes nothing: then the right paths and keys and well-formed digests will
    do. Without a copy of dvc.lock in git, what is gone cannot be told from what has never run: then nothing is lost.
    The entry to put there is that of a run whose outputs stand here, or else git's.
    """
    committed, present = _entries(git_copy()), _entries(_text())
    other = [stage for stage in stages(repo) if committed.get(stage.name) not in (None, present.get(stage.name))]
    runs = _runs(repo) if other else []
    noted = {run["cmd"] for run in runs}
    lost = {}
    for stage in other:
        entry, fitting = present.get(stage.name), _fitting(stage)
        formed = stage.cmd not in noted and entry is not None and _form(entry) == _form(fitting)
        if entry not in [fitting, *runs] and not formed:
            made_here = [fitting] if fitting in runs else [run for run in runs if run["outs"] == fitting["outs"]]
            lost[stage.name] = [*made_here, committed[stage.name]][0]
    return lost


def _runs(repo: Repo) -> list[dict[str, Any]]:
    """Return the entries in DVC's run cache; what cannot be read there, dvc itself throws away."""
    found = []
    for path in Path(repo.stage_cache.cache_dir).glob("*/*/*"):
        with suppress(Exception):  # dvc raises what it likes for damaged files
            found.append(COMPILED_LOCK_FILE_STAGE_SCHEMA(load_yaml(path)))
    return found


def _form(entry: dict[str, Any]) -> Any:
    """Return what an entry says beside values of params, sizes and digests, and which of these are well-formed."""
    items = [
        (kind, item.get("path"), item.get("hash"), sorted(item), re.fullmatch(DIGEST, str(item.get("md5"))) is not None)
        for kind in ("deps", "outs")
        for item in entry.get(kind, [])
    ]
    return entry.get("cmd"), {file: sorted(keys) for file, keys in entry.get("params", {}).items()}, items


def changed(stage: PipelineStage) -> bool:
    """Return whether command, params or dependencies of a stage are not those of its entry in dvc.lock."""
    fitting, entry = _fitting(stage), _entries(_text())[stage.name]
    return any(fitting.get(part) != entry.get(part) for part in ("cmd", "params", "deps"))


def _fitting(stage: PipelineStage) -> dict[str, Any]:
    """Return the entry that dvc would write for a stage whose outputs are what stands here."""
    entry: dict[str, Any] = {"cmd": stage.cmd}
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            entry["params"] = {dep.def_path: {key: dep.read_params().get(key) for key in dep.params}}
    for kind, found in (("deps", stage.deps), ("outs", stage.outs)):
        items = [_item(item.def_path) for item in found if not isinstance(item, ParamsDependency)]
        if items:
            entry[kind] = sorted(items, key=lambda item: str(item["path"]))
    return entry


def _item(name: str) -> dict[str, Any]:
    """Return what dvc writes of a file or folder in an entry; md5 is None if it is not here."""
    path = Path(name)
    if not path.is_dir():
        size = path.stat().st_size if path.exists() else None
        return {"path": name, "hash": "md5", "md5": digest(path), "size": size}
    paths = files_in(path)
    size = sum(found.stat().st_size for found in paths)
    return {
        "path": name,
        "hash": "md5",
        "md5": folder_digest(contents(path)),
        "size": size,
        "nfiles": len(paths),
    }


def entries() -> list[str]:
    """Return the names of all stages that dvc.lock has an entry of."""
    return list(_entries(_text()))


def change_entries(replaced: Mapping[str, Any], removed: Iterable[str] = ()) -> None:
    """Replace and remove entries of dvc.lock; the others are written as dvc had written them. Hold quiet() for it."""
    lock: dict[str, Any] = load_yaml(LOCK_FILE) if LOCK_FILE.exists() else {}
    lock = {"schema": "2.0", **(lock or {})}
    entries = lock.setdefault("stages", {})
    entries.update(replaced)
    for stage in removed:
        entries.pop(stage, None)
    with files.replacing(LOCK_FILE) as path:
        dump_yaml(path, lock)


def git_files(folder: Path) -> list[str]:
    """Return the paths, below a folder, of the files that were last committed there."""
    command = ["git", "ls-tree", "-r", "-z", "--name-only", f"HEAD:./{folder}"]
    run = subprocess.run(command, capture_output=True, check=False)
    return run.stdout.decode().split("\0")[:-1]


def git_copy(path: Path = LOCK_FILE) -> bytes:
    """Return a file as it was last committed, empty if it never was."""
    run = subprocess.run(["git", "show", f"HEAD:./{path}"], capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else b""


def committed_digest(path: Path) -> str:
    """Return the digest that DVC gives to a file or folder as it was last committed."""
    files = committed_files(path)
    return folder_digest(files) if files else digest_of(git_copy(path))


def committed_files(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder as it was last committed, by its path below it."""
    return {relative: digest_of(git_copy(folder / relative)) for relative in git_files(folder)}


def _text() -> bytes:
    """Return dvc.lock as it is here, empty if it is missing."""
    return LOCK_FILE.read_bytes() if LOCK_FILE.exists() else b""


def _entries(text: bytes) -> dict[str, Any]:
    """Return the stages of a lock file. Raises UserError if it is no YAML mapping."""
    try:
        data = YAML(typ="safe").load(text) or {}
        return dict(data.get("stages") or {})
    except (YAMLError, ValueError, AttributeError) as error:
        raise UserError(f"{LOCK_FILE} cannot be read: {error}") from None


@dataclass(frozen=True)
class Remedy:
    """What can be done about faults: outputs as (stage, path), stages by name in the order of the graph."""

    checkout: list[tuple[str, str]]  # whole in the cache
    store: list[tuple[str, str]]  # whole in the workspace
    from_git: list[tuple[str, str]]  # in no cache, and whole in git
    run: list[str]  # damaged, and whole nowhere
    missing: list[str]  # whole nowhere, not damaged: perhaps never made on this machine


def remedy(repo: Repo, found: list[Fault]) -> Remedy:
    """Return what can be done about faults."""
    ordered = stages(repo)
    outs = {(stage.name, out.def_path): out for stage in ordered for out in stage.outs}
    here, stored = ({(f.stage, f.output) for f in found if f.place == place} for place in ("workspace", "cache"))
    uncached = {key for key, out in outs.items() if not out.use_cache}
    in_git = {key for key in here & uncached if committed_digest(Path(key[1])) == outs[key].hash_info.value}
    gone = (here & (stored | uncached)) - in_git
    damaged = {fault.stage for fault in found if fault.problem == "damaged"}
    stages_gone = {stage for stage, _ in gone}
    order = [stage.name for stage in ordered if stage.name in stages_gone]
    return Remedy(
        checkout=sorted(here - gone - in_git),
        store=sorted(stored - gone),
        from_git=sorted(in_git),
        run=[stage for stage in order if stage in damaged],
        missing=[stage for stage in order if stage not in damaged],
    )
