"""Put the small results of all trainings into the DVC remote that git keeps, for tools.extend to go on from."""

import shutil
from pathlib import Path

from dvc.output import Output
from dvc.repo import Repo

from noisy_mnist.errors import UserError
from tools import results
from tools.command import run

REMOTE = Path(".dvc/results")
# What is gathered from the noisy images is large, and they are made again in seconds.
LARGE = Path("data/noisy")


def main() -> None:
    """Make the remote ``results`` hold what summarize and figures read of ``data``, by dvc.lock, and no more.

    Of a study that is not finished it holds what has run. Raises UserError if some of that is in no cache.
    """
    with results.open_repo() as repo, repo.lock:
        small = read_at_the_end(repo)
        outs = published(repo)
        lost = [out.def_path for out in outs if out.changed_cache()]
        if lost:
            raise UserError(
                f"{len(lost)} of {len(outs)} results are not in the cache, such as {lost[0]}: 'make repro' first"
            )
        shutil.rmtree(REMOTE, ignore_errors=True)
        # As 'dvc push' with these targets does, which reads dvc.lock anew for each: minutes instead of seconds.
        objects = {found for out in outs for used in out.get_used_objs().values() for found in used}
        failed = repo.cloud.push(objects, remote="results").failed
    if failed:
        raise UserError(f"{len(failed)} results could not be written to {REMOTE}: make room there and run this again")
    of = "" if len(outs) == len(small) else f" of {len(small)}"
    print(f"{REMOTE} holds {len(outs)}{of} results: commit it with params.yaml, dvc.lock, metrics and plots")


def published(repo: Repo) -> list[Output]:
    """Return those outputs read at the end that dvc.lock has."""
    return [out for out in read_at_the_end(repo) if out.hash_info]


def read_at_the_end(repo: Repo) -> list[Output]:
    """Return the outputs of the graph that are small, cached, and read by summarize or figures."""
    stages = results.stages(repo)
    gather = {Path(dep.def_path) for stage in stages if stage.name in ("summarize", "figures") for dep in stage.deps}
    gather -= {LARGE}
    outs = [out for stage in stages for out in stage.outs if out.use_cache]
    return [out for out in outs if gather & {Path(out.def_path), *Path(out.def_path).parents}]


if __name__ == "__main__":
    run(main)
