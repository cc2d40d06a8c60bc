"""List what earlier params left behind, in dvc.lock and in the folders of results, and remove it if asked to."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from dvc.repo import Repo
from dvc.stage import PipelineStage

from noisy_mnist import study
from noisy_mnist.core import files
from noisy_mnist.core.errors import UserError
from tools import cache, digests, foreign, lockfile
from tools.command import run
from tools.lockfile import Entry
from tools.repository import check_project, exclusive, open_repo, stages


def main(*arguments: str) -> None:
    """Print the leftovers; with the argument "remove", remove them, or move aside what may exist nowhere else.

    Raises UserError if a stage is running: its unfinished files would look like leftovers.
    """
    if arguments not in ((), ("remove",)):
        raise UserError(f"expected no argument or 'remove', found {arguments}")
    check_project()
    study.check()
    with exclusive(), open_repo() as repo:
        named = {stage.name for stage in stages(repo)}
        recorded = lockfile.entries()
        entries = [name for name in recorded if name not in named]
        paths = {path: foreign.files_in(path) for path in sorted(foreign.leftovers(repo))}
        cached = {
            path for path, all_in in paths.items() if all(cache.holds(repo, str(digests.of_file(f))) for f in all_in)
        }
        for stage in entries:
            print(f"dvc.lock: {stage}")
        for path, contained in paths.items():
            size = sum(file.stat().st_size for file in contained) / 1e6
            print(f"{size:10.1f} MB  {path}{'' if path in cached else '  (not in the cache)'}")
        total = f"{len(entries)} entries and {len(paths)} files or folders"
        if not (entries or paths):
            print("nothing is left behind: dvc.lock and the folders of results hold what the graph names, and no more")
        elif not arguments:
            print(f"{total}: 'make prune YES=1' removes them, and moves to {foreign.ASIDE} what may exist nowhere else")
        else:
            current = gathering(repo, paths, recorded)
            for path in paths:
                if path in cached or foreign.is_temporary(path) or foreign.is_checkpoint(path):
                    files.remove(path)
                else:
                    print(f"> {foreign.set_aside(path)}")
            deps = {stage.name: {"deps": lockfile.current_entry(stage)["deps"]} for stage in current}
            lockfile.change({name: recorded[name] | now for name, now in deps.items()}, removed=entries)
            print(f"done: {total}")


def gathering(repo: Repo, paths: Iterable[Path], recorded: Mapping[str, Entry]) -> list[PipelineStage]:
    """Return the unchanged stages that depend on a folder of results which contains one of these paths.

    They read only the files that params name: a leftover changes the folder's digest, but no result. recorded: the
    entries of dvc.lock.
    """
    around = {str(folder) for path in paths for folder in path.parents}
    gather = [stage for stage in stages(repo) if any(dep.def_path in around for dep in stage.deps)]
    known = [stage for stage in gather if stage.name in recorded]
    return [stage for stage in known if lockfile.same_run(lockfile.current_entry(stage), recorded[stage.name])]


if __name__ == "__main__":
    run(main)
