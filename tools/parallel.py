"""Run the study on many cores or machines: each stage that has changed is one Dask task, after those it depends on.

All workers share the project's folder.
"""

import argparse
import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, KilledWorker, LocalCluster, wait
from dvc.exceptions import DvcException
from dvc.repo import Repo

from noisy_mnist import study
from noisy_mnist.core.errors import UserError
from tools import repository, worker
from tools.command import run
from tools.recover import recover
from tools.worker import Digests, Failure, Success

# Stages are processes of their own. Dask's default monitoring of its threads, memory and event loops takes a fifth of a
# core for two workers, and shows nothing of the stages.
SELDOM_WATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.interval": "1s",
}

SECONDS_BETWEEN_LOOKS = 5  # for new workers
LOST = "the scheduler has ended, or lost this run. Finished stages are kept: start the scheduler and the run again"


@dataclass(frozen=True)
class Plan:
    """The stages to visit, by name."""

    after: Mapping[str, set[str]]  # the stages each depends on
    changed: set[str]  # those whose own command, params, dependencies or outputs have changed
    known: Mapping[str, Digests]  # digests of their outputs in dvc.lock


def main(*arguments: str) -> None:
    """Run all stages that params, code or data have changed since they last ran, or those that targets need.

    Raises UserError that names the failed stages, when all that does not depend on them has run.
    """
    options = parsed(arguments)
    recover()
    threads = study.check().compute.threads
    with repository.open_repo() as repo:
        plan = plan_run(repo, options.targets, options.allow_missing)
    if not plan.changed:
        print("no stage has changed since it last ran")
        return
    task = partial(worker.run_stage, threads=threads, workspace=str(Path.cwd()))
    with connected(options.scheduler, options.workers or max(1, CPU_COUNT // threads)) as client:
        print(f"Dashboard: {client.dashboard_link}", flush=True)
        failed, left_out = visit(plan, client, task)
    if failed:
        reasons = "\n".join(f"{name}: {why}" for name, why in failed.items())
        waiting = f" {len(left_out)} more depend on them and did not run." if left_out else ""
        raise UserError(f"these stages failed: {', '.join(failed)}.{waiting} The rest has run.\n{reasons}")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command-line arguments."""
    parser = argparse.ArgumentParser(prog="parallel", description=str(main.__doc__).partition("\n")[0])
    parser.add_argument("targets", nargs="*", help="stages to run, with what they need; all if none is given")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--workers", type=int, help="processes to start here (default: cores / compute.threads)")
    place.add_argument("--scheduler", help="address of a Dask scheduler whose workers share this folder")
    parser.add_argument("--allow-missing", action="store_true", help="run no stage because of missing files alone")
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers: expected 1 or more, found {options.workers}")
    return options


def plan_run(repo: Repo, targets: Sequence[str], allow_missing: bool) -> Plan:
    """Return the plan for targets and what they need, or for all.

    Raises UserError for an unknown target, or if a stage is running.
    allow_missing: a stage has not changed if only files of its dependencies or outputs are missing.
    """
    graph = repo.index.graph
    with repo.lock:
        try:
            wanted = {stage for target in targets for stage in repo.stage.collect(target, with_deps=True)}
            chosen = [stage for stage in repository.stages(repo) if stage in wanted or not targets]
            needed = {stage: list(graph.successors(stage)) for stage in chosen}
            changed = {stage.name for stage in chosen if stage.changed(allow_missing, upstream=needed[stage])}
        except DvcException as error:  # also where a stage that outlived its dvc is running
            raise UserError(str(error)) from None
    return Plan(
        after={stage.name: {other.name for other in others} for stage, others in needed.items()},
        changed=changed,
        known={stage.name: {out.def_path: out.hash_info.value for out in stage.outs} for stage in chosen},
    )


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    """Yield a client of a scheduler, or of one started here. Raises UserError if none is found at that address."""
    # A client logs a traceback when its scheduler is gone; this module reports it in one line, see outcome_of.
    for name in ("distributed.client", "distributed.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler:
        try:
            client = Client(scheduler)
        except (OSError, ValueError) as error:
            start = "start one as README says"
            raise UserError(f"found no Dask scheduler at {scheduler} ({error}): {start}") from None
        with client:
            yield client
    else:
        # Ctrl-C is for this process and for dvc: each of Dask's own would print a traceback.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        local = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:8787"}
        with dask.config.set(SELDOM_WATCHED), LocalCluster(**local) as cluster, Client(cluster) as client:
            signal.signal(signal.SIGINT, handler)
            yield client


def visit(plan: Plan, client: Client, task: Callable[[str], Success | Failure]) -> tuple[dict[str, str], set[str]]:
    """Run the stages that have changed, each when all it depends on have run.

    A stage has changed, too, when one that it depends on has written other bytes than dvc.lock had of it. Returns why
    each failed stage failed, and the stages that were left out because they depend on a failed one.
    """
    order = TopologicalSorter(plan.after)
    order.prepare()
    changed, failed, left_out = set(plan.changed), dict[str, str](), set[str]()
    waiting = deque[str]()
    started: dict[Future[Success | Failure], str] = {}
    done = 0
    while order.is_active():
        ready = order.get_ready()
        for name in ready:
            if plan.after[name] & (failed.keys() | left_out):
                left_out.add(name)
            elif name in changed:
                waiting.append(name)
                continue
            order.done(name)
            done += 1
        if ready:
            continue
        # Dask gets no more stages than its workers can run at once. It does not know how long they take, and would put
        # one behind another while other workers are idle.
        while waiting and len(started) < capacity(client):
            name = waiting.popleft()
            # A unique key: for a key that was used before, Dask returns the earlier task's result.
            started[client.submit(task, name, key=f"{name}-{time.time_ns()}")] = name
        for future in finished(started):
            name = started.pop(future)
            order.done(name)
            done += 1
            outcome = outcome_of(future)
            if isinstance(outcome, Failure):
                failed[name] = outcome.why
                status = "FAILED"
            else:
                status = f"{outcome.seconds:.0f} s"
                if outcome.outputs != plan.known[name]:
                    changed |= {other for other, needed in plan.after.items() if name in needed}
            print(f"{done}/{len(plan.after)} {name}: {status}", flush=True)
    return failed, left_out


def capacity(client: Client) -> int:
    """Return how many stages the workers can run at once; 1 while there is no worker.

    Raises UserError if the scheduler is gone.
    """
    try:
        threads: Mapping[str, int] = client.nthreads()
    except OSError:
        raise UserError(LOST) from None
    return max(1, sum(threads.values()))


def finished(futures: Iterable[Future[Success | Failure]]) -> list[Future[Success | Failure]]:
    """Wait for the first task to end, return all that have ended; none after a while, to look for new workers."""
    with suppress(TimeoutError, CancelledError):
        wait(list(futures), timeout=SECONDS_BETWEEN_LOOKS, return_when="FIRST_COMPLETED")
    return [future for future in futures if future.done()]


def outcome_of(future: Future[Success | Failure]) -> Success | Failure:
    """Return the result of a task, or why Dask has given it up. Raises UserError if the scheduler is gone."""
    try:
        outcome: Success | Failure = future.result()
    except KilledWorker as error:  # the fourth one in a row
        return Failure(str(error))
    except CancelledError:
        raise UserError(LOST) from None
    except (RuntimeError, ImportError) as error:
        hint = "start scheduler and workers in the project's folder, as README says"
        return Failure(f"Dask could not hand out the task ({type(error).__name__}): {hint}")
    return outcome


if __name__ == "__main__":
    run(main)
