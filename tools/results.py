"""What dvc.lock says of the results, and whether it is so: the bytes of every output, here and in DVC's cache."""

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from dvc.dependency.param import ParamsDependency
from dvc.lock import make_lock
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.utils.serialize import dump_yaml, load_yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from noisy_mnist import files
from noisy_mnist.errors import UserError

LOCK_FILE = Path("dvc.lock")
FOLDER = ".dir"  # how DVC marks the digest of a folder: that of the list of its files


@dataclass(frozen=True)
class Fault:
    """A file of an output, in the workspace or as an object in the cache, that is not as dvc.lock says."""

    stage: str
    output: str
    place: Literal["workspace", "cache"]
    path: Path
    problem: Literal["missing", "damaged"]

    def __str__(self) -> str:
        """Return a line for the terminal."""
        where = f" (in the cache, for {self.output})" if self.place == "cache" else ""
        return f"{self.problem}: {self.path}{where}, of stage {self.stage}"


def open_repo() -> Repo:
    """Return the DVC repository of the working folder. Raises UserError if dvc.yaml or dvc.lock cannot be read."""
    repo = Repo(".")
    try:
        _ = repo.index.stages
    except Exception as error:  # dvc raises what it likes for a damaged dvc.lock
        repo.close()
        raise UserError(
            f"dvc cannot read the project: {error}: 'make repair' mends an unreadable {LOCK_FILE}"
        ) from None
    return repo


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
    if promised.endswith(FOLDER):
        kept = object_path(repo, promised)
        good = digest(kept) == promised.removesuffix(FOLDER)
        files = {entry["relpath"]: entry["md5"] for entry in json.loads(kept.read_bytes())} if good else None
        if out.use_cache and not good:
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
                problem: Literal["missing", "damaged"] = "damaged" if relative in here else "missing"
                yield Fault(stage, name, "workspace", Path(name) / relative, problem)


def object_path(repo: Repo, md5: str) -> Path:
    """Return where DVC's cache keeps the object with a digest."""
    return Path(repo.cache.local.oid_to_path(md5))


def digest(path: Path) -> str | None:
    """Return the MD5 of a file's bytes, None if it is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder, by its path below it."""
    return {path.relative_to(folder).as_posix(): str(digest(path)) for path in folder.rglob("*") if path.is_file()}


def listing(files: dict[str, str]) -> bytes:
    """Return the list of the files in a folder as DVC keeps it."""
    return json.dumps([{"md5": md5, "relpath": relative} for relative, md5 in sorted(files.items())]).encode()


def folder_digest(files: dict[str, str]) -> str:
    """Return the digest that DVC gives to a folder with these files."""
    return hashlib.md5(listing(files), usedforsecurity=False).hexdigest() + FOLDER


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


def lost_entries(repo: Repo) -> list[str]:
    """Return the stages of the graph whose entry in dvc.lock is not git's and does not fit the files here either.

    After a run that is not committed, entries differ from git's copy and fit; what a truncated or damaged dvc.lock
    has lost does not. Without a copy in git, nothing can be said: the list is empty.
    """
    committed, present = _entries(git_copy()), _present()
    other = [stage for stage in stages(repo) if committed.get(stage.name) not in (None, present.get(stage.name))]
    return [stage.name for stage in other if stage.name not in present or present[stage.name] != _fitting(stage)]


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
    paths = [found for found in path.rglob("*") if found.is_file()]
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
    return list(_present())


def restore_entries(stages: Iterable[str]) -> None:
    """Put git's entries of these stages into dvc.lock."""
    committed = _entries(git_copy())
    with _changing() as present:
        present.update({stage: committed[stage] for stage in stages})


def remove_entries(stages: Iterable[str]) -> None:
    """Take the entries of these stages out of dvc.lock."""
    with _changing() as present:
        for stage in stages:
            del present[stage]


@contextmanager
def _changing() -> Iterator[dict[str, Any]]:
    """Yield the entries of dvc.lock to change, while no other dvc writes; the rest is written as dvc had written it."""
    with make_lock(".dvc/tmp/lock", wait=True):
        lock: dict[str, Any] = load_yaml(LOCK_FILE) if LOCK_FILE.exists() else {"schema": "2.0"}
        yield lock.setdefault("stages", {})
        with files.replacing(LOCK_FILE) as path:
            dump_yaml(path, lock)


def git_copy() -> str:
    """Return dvc.lock as it was last committed, empty if it never was."""
    command = ["git", "show", f"HEAD:./{LOCK_FILE}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout if run.returncode == 0 else ""


def _present() -> dict[str, Any]:
    """Return the stages of dvc.lock as it is here."""
    return _entries(LOCK_FILE.read_text() if LOCK_FILE.exists() else "")


def _entries(text: str) -> dict[str, Any]:
    """Return the stages of a lock file. Raises UserError if it is no YAML mapping."""
    try:
        data = YAML(typ="safe").load(text) or {}
        return dict(data.get("stages") or {})
    except (YAMLError, ValueError, AttributeError) as error:
        raise UserError(f"{LOCK_FILE} cannot be read: {error}") from None


def names(found: Iterable[str]) -> str:
    """Return names as one line, each once."""
    return " ".join(dict.fromkeys(found))
