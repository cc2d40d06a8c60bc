"""Run the study on all cores: ``dvc repro``, with independent stages in parallel."""

import argparse
import logging
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from dvc.exceptions import DvcException
from tqdm import tqdm

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from tools import pools
from tools.command import run
from tools.engine import Engine, Outcome, Pool
from tools.planner import LOGS, Planner
from tools.recover import recover
from tools.repository import open_repo

# Below this many free bytes, a failure is most likely due to a full disk, whatever its message says.
NEARLY_FULL = 200 * 10**6


def main(*arguments: str) -> int:
    """Run all stages whose params, code or data have changed since their last run, or those that targets need.

    Raises UserError naming the failed stages, once all stages that do not depend on them have run.
    """
    options = parsed(arguments)
    recover()
    threads = study.check().compute.threads
    logging.getLogger("dvc").setLevel(logging.WARNING)  # each stage gets a line of its own instead
    try:
        return run_stages(options, threads)
    except (DvcException, sqlite3.Error) as error:
        raise UserError(f"{error}. Run the same command again to resume") from None


def run_stages(options: argparse.Namespace, threads: int) -> int:
    """Run what has changed and return the exit status. threads: per numerical operation."""
    with ExitStack() as stack:
        repo = stack.enter_context(open_repo())
        stack.enter_context(repo.scm_context(quiet=True))
        planner = stack.enter_context(Planner(repo, options.targets, options.allow_missing))
        bar = stack.enter_context(tqdm(disable=None, unit="stage"))  # None: only in a terminal

        def show(line: str) -> None:
            """Print a line above the bar."""
            tqdm.write(line)
            sys.stdout.flush()
            bar.n, bar.total = len(engine.outcome.ran), len(engine.outcome.ran | engine.to_run)
            bar.refresh()

        engine = Engine(planner, stack.enter_context(pool(options, threads)), threads, show)
        if not engine.to_run:
            print("nothing has changed since the last run")
            return 0
        print(f"new or changed stages: {len(engine.to_run)} (what they print is kept in {LOGS})", flush=True)
        outcome = engine.run()
    return status(outcome)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command-line arguments."""
    parser = argparse.ArgumentParser(prog="repro", description=str(main.__doc__).partition("\n")[0])
    parser.add_argument("targets", nargs="*", help="stages to run, with what they need; all if none is given")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--workers", type=int, help="stages to run at once here (default: as cores and memory allow)")
    place.add_argument("--scheduler", help="address of a Dask scheduler whose workers share this folder")
    parser.add_argument("--allow-missing", action="store_true", help="missing files alone do not make a stage run")
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers: expected 1 or more, found {options.workers}")
    return options


def pool(options: argparse.Namespace, threads: int) -> AbstractContextManager[Pool]:
    """Return the pool that runs the stages."""
    if options.scheduler:
        return pools.cluster(options.scheduler)
    return nullcontext(pools.Threads(options.workers or pools.workers_here(threads)))


def status(outcome: Outcome) -> int:
    """Return the exit status of a run, 130 if it was interrupted. Raises UserError if a stage failed."""
    if outcome.failed:
        waiting = f" {len(outcome.left_out)} more depend on them and did not run." if outcome.left_out else ""
        rest = " The run was interrupted." if outcome.interrupted else " The rest has run."
        lines = "\n".join(f"{name}: {why}" for name, why in outcome.failed.items())
        free = shutil.disk_usage(".").free
        full = f"\nOnly {free / 1e6:.0f} MB are free on this disk: make room" if free < NEARLY_FULL else ""
        raise UserError(
            f"these stages failed: {', '.join(outcome.failed)}.{waiting}{rest}\n{lines}{full}\n"
            "Run the same command again to resume"
        )
    if outcome.interrupted:
        print("interrupted; what has run is kept: run it again to resume")
        return 130
    return 0


if __name__ == "__main__":
    run(main)
