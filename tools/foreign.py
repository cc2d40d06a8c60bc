"""Find files in result and code folders that belong to neither, and move them away instead of deleting them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage

from noisy_mnist.learning import checkpoints
from tools import digests, git
from tools.faults import promised_files
from tools.repository import stages

# Files that may exist nowhere else are moved here.
ASIDE = Path(".dvc/tmp/aside")


def leftovers(repo: Repo) -> Iterator[Path]:
    """Yield paths in the output folders that are part of no output, and checkpoints of runs not in the graph.

    Only the graph writes to ``data`` and ``models``. In ``metrics`` and ``plots``, which are in git, only the temporary
    files of a killed stage are leftovers. Files that ``.dvcignore`` names are not.
    """
    outputs = {Path(out.def_path) for stage in repo.index.stages for out in stage.outs}  # of 'dvc add' too
    for top in sorted({Path(out.def_path).parts[0] for stage in stages(repo) for out in stage.outs}):
        kept = top in ("metrics", "plots")
        outside = (path for path in _outside(Path(top), outputs) if not kept or is_temporary(path))
        yield from (path for path in outside if not repo.dvcignore.is_ignored(repo.fs, str(path.absolute())))
    for path in files_in(checkpoints.FOLDER):
        history = Path("data") / path.relative_to(checkpoints.FOLDER).with_suffix(".csv")
        if history not in outputs:
            yield path


def files_in(path: Path) -> list[Path]:
    """Return a file itself, or all files in a folder."""
    return [file for file in [path, *path.rglob("*")] if file.is_file()]


def _outside(folder: Path, outputs: set[Path]) -> Iterator[Path]:
    """Yield the topmost paths in a folder that neither are an output nor hold one."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path not in outputs:
            if any(path in output.parents for output in outputs):
                yield from _outside(path, outputs)
            else:
                yield path


def is_temporary(path: Path) -> bool:
    """Return whether this is a temporary name of files.replacing."""
    return path.name.startswith(".") and path.suffix in (".partial", ".former")


def is_checkpoint(path: Path) -> bool:
    """Return whether this is a checkpoint of a training."""
    return checkpoints.FOLDER in path.parents and path.suffix == ".npz"


def in_code(repo: Repo) -> list[Path]:
    """Return the code files that stages depend on, directly or through a folder, but that git does not track."""
    deps = sorted({Path(dep.def_path) for stage in stages(repo) for dep in stage.deps})
    outputs = {Path(out.def_path).parts[0] for stage in repo.index.stages for out in stage.outs}
    code = [path for path in deps if path.parts[0] not in outputs and path.exists()]
    known = {Path(os.fsdecode(name)) for name in git.run("ls-files", "-z", "--", *map(str, code)).split(b"\0")}
    found = [path / name for path in code for name in (digests.names(repo, path) if path.is_dir() else [""])]
    return [path for path in found if path not in known]


def in_outputs(repo: Repo, stage: PipelineStage) -> list[Path]:
    """Return the files in a stage's output folders that are not part of its last outputs: DVC would delete them.

    If a folder's file list is lost, return the folder itself, unless it matches dvc.lock.
    """
    found = []
    for out in stage.outs:
        folder = Path(out.def_path)
        if out.hash_info and folder.is_dir():
            known = promised_files(repo, out)
            if known is not None:
                found += [folder / name for name in sorted(digests.names(repo, folder)) if name not in known]
            elif digests.of_folder(digests.contents(repo, folder)) != out.hash_info.value:
                found.append(folder)
    return found


def set_aside(path: Path) -> str:
    """Move a file or folder out of the way, and return a line that says so."""
    top = ASIDE
    while (top / path).exists() or any((top / parent).is_file() for parent in path.parents if parent.name):
        top /= "~"  # beside what was moved here before
    place = top / path
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, place)
    return f"moved {path} to {place}"
