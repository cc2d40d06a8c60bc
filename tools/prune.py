"""List what earlier params left behind, in dvc.lock and in the folders of results, and remove it if asked to."""

from collections.abc import Iterator
from pathlib import Path

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from noisy_mnist.learning import checkpoints
from tools import cache, digests, lockfile
from tools.command import run
from tools.repair import remove
from tools.repository import check_project, exclusive, open_repo


def main(*arguments: str) -> None:
    """Print the leftovers; with the argument "remove", remove them.

    Raises UserError if a stage is running, whose unfinished files would look like leftovers.
    """
    if arguments not in ((), ("remove",)):
        raise UserError(f"expected no argument or 'remove', found {arguments}")
    check_project()
    study.check()
    with exclusive():
        with open_repo() as repo:
            named = {stage.name for stage in repo.index.stages}
            outputs = {Path(out.def_path) for stage in repo.index.stages for out in stage.outs}
            entries = [stage for stage in lockfile.entries() if stage not in named]
            paths = {path: files_in(path) for path in sorted(leftovers(outputs))}
            cached = {
                path for path, files in paths.items() if all(cache.holds(repo, str(digests.of_file(f))) for f in files)
            }
        for stage in entries:
            print(f"dvc.lock: {stage}")
        for path, files in paths.items():
            size = sum(file.stat().st_size for file in files) / 1e6
            print(f"{size:10.1f} MB  {path}{'' if path in cached else '  (not in the cache)'}")
        total = f"{len(entries)} entries and {len(paths)} files or folders"
        if not (entries or paths):
            print("nothing is left behind: dvc.lock and the folders of results hold what the graph names, and no more")
        elif not arguments:
            print(f"{total}: 'make prune YES=1' removes them")
        else:
            lockfile.change({}, removed=entries)
            for path in paths:
                remove(path)
            print(f"removed {total}")


def files_in(path: Path) -> list[Path]:
    """Return a file itself, or all files in a folder."""
    return [file for file in [path, *path.rglob("*")] if file.is_file()]


def leftovers(outputs: set[Path]) -> Iterator[Path]:
    """Yield what no output of the graph holds, in the folders of outputs, and checkpoints of runs not in the graph.

    ``data`` and ``models`` belong to the graph alone. In ``metrics`` and ``plots``, which are in git, only the
    temporary files of a killed stage are leftovers.
    """
    for top in sorted({path.parts[0] for path in outputs}):
        kept = top in ("metrics", "plots")
        yield from (path for path in _outside(Path(top), outputs) if not kept or _is_temporary(path))
    for path in files_in(checkpoints.FOLDER):
        history = Path("data") / path.relative_to(checkpoints.FOLDER).with_suffix(".csv")
        if history not in outputs:
            yield path


def _outside(folder: Path, outputs: set[Path]) -> Iterator[Path]:
    """Yield the topmost paths in a folder that neither are an output nor hold one."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path not in outputs:
            if any(path in output.parents for output in outputs):
                yield from _outside(path, outputs)
            else:
                yield path


def _is_temporary(path: Path) -> bool:
    """Return whether this is a temporary name of files.replacing."""
    return path.name.startswith(".") and path.suffix in (".partial", ".former")


if __name__ == "__main__":
    run(main)
