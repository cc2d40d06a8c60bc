"""List what earlier params left behind, in dvc.lock and in the folders of results, and remove it if asked to."""

from collections.abc import Iterator
from pathlib import Path

from noisy_mnist.errors import UserError
from noisy_mnist.params import study
from tools import results
from tools.command import run
from tools.repair import remove

BACKUPS = Path("backups")


def main(*words: str) -> None:
    """Print the leftovers; with the word "remove", remove them.

    Raises UserError if a stage is at work, whose unfinished files would look like leftovers.
    """
    if words not in ((), ("remove",)):
        raise UserError(f"expected no argument or 'remove', found {words}")
    study.check()
    with results.quiet():
        with results.open_repo() as repo:
            named = {stage.name for stage in repo.index.stages}
            outputs = {Path(out.def_path) for stage in repo.index.stages for out in stage.outs}
            entries = [stage for stage in results.entries() if stage not in named]
            paths = sorted(leftovers(outputs))
            only = [path for path in paths if not all(results.cached(repo, file) for file in results.files_in(path))]
        for stage in entries:
            print(f"dvc.lock: {stage}")
        for path in paths:
            size = sum(file.stat().st_size for file in results.files_in(path)) / 1e6
            print(f"{size:10.1f} MB  {path}{'  (not in the cache)' if path in only else ''}")
        found = f"{len(entries)} entries and {len(paths)} files or folders"
        if not (entries or paths):
            print("nothing is left behind: dvc.lock and the folders of results hold what the graph names, and no more")
        elif not words:
            print(f"{found}: 'make prune YES=1' removes them")
        else:
            results.change_entries({}, removed=entries)
            for path in paths:
                remove(path)
            print(f"removed {found}")


def leftovers(outputs: set[Path]) -> Iterator[Path]:
    """Yield what no output of the graph holds, in the folders of outputs, and backups of trainings not in the graph.

    ``data`` and ``models`` belong to the graph alone. In ``metrics`` and ``plots``, which are in git, only the
    temporary files of a killed stage are leftovers.
    """
    for top in sorted({path.parts[0] for path in outputs}):
        kept = top in ("metrics", "plots")
        yield from (path for path in _outside(Path(top), outputs) if not kept or _partial(path))
    trained = {path.with_name(path.stem) for path in outputs}
    for backup in BACKUPS.rglob("*"):
        cell = backup.relative_to(BACKUPS).with_name(backup.stem)
        if backup.is_file() and not any(path.parts[-len(cell.parts) :] == cell.parts for path in trained):
            yield backup


def _outside(folder: Path, outputs: set[Path]) -> Iterator[Path]:
    """Yield the topmost paths in a folder that neither are an output nor hold one."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path not in outputs:
            if any(path in output.parents for output in outputs):
                yield from _outside(path, outputs)
            else:
                yield path


def _partial(path: Path) -> bool:
    """Return whether this is a temporary name of files.replacing."""
    return path.name.startswith(".") and path.suffix in (".partial", ".former")


if __name__ == "__main__":
    run(main)
