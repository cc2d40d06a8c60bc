"""Pools that run commands in parallel: threads of this process, or the workers of a Dask cluster."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from joblib import cpu_count

from noisy_mnist.core.errors import UserError
from tools import worker
from tools.engine import LOST, Pool
from tools.worker import Command, Ending

# The most memory that a stage takes, measured on MNIST: TensorFlow, the images, their noisy copies.
BYTES_OF_A_STAGE = 1_200_000_000
CGROUP = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")
# For versions 2 and 1: the controller and the folder, and the files there with the limit and the usage.
CGROUPS = (("", "memory.max", "memory.current"), ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"))


class Threads:
    """Runs commands on this machine; a thread of this process waits for each."""

    idle = ""

    def __init__(self, workers: int) -> None:
        """Run up to ``workers`` at once."""
        self._workers = workers
        self._executor = ThreadPoolExecutor(workers)

    def capacity(self) -> int:
        """Return how many commands can run at once."""
        return self._workers

    def submit(self, command: Command) -> Future[Ending]:
        """Start a command."""
        return self._executor.submit(worker.run, command)

    def interrupt(self, run: str) -> None:
        """Interrupt all commands of a run, as Ctrl-C does."""
        worker.interrupt(run)


class Cluster:
    """Runs commands on the workers of a Dask cluster, which were started in this folder on a shared file system."""

    def __init__(self, client: Any) -> None:
        """Use a client of ``distributed``."""
        self._client = client
        self.idle = f"waiting for a worker: none is connected to {client.scheduler.address}"
        self._executor = client.get_executor(pure=False)

    def capacity(self) -> int:
        """Return how many commands the workers can run at once.

        Dask is given no more than that: it does not know how long stages take, and would queue one behind another while
        other workers are idle. Raises UserError if the scheduler is gone.
        """
        try:
            threads: dict[str, int] = self._client.nthreads()
        except OSError:
            raise UserError(LOST) from None
        return sum(threads.values())

    def submit(self, command: Command) -> Future[Ending]:
        """Start a command."""
        future: Future[Ending] = self._executor.submit(worker.run, command)
        return future

    def interrupt(self, run: str) -> None:
        """Interrupt all commands of a run, as Ctrl-C does."""
        with suppress(Exception):  # a worker may be unreachable
            self._client.run(worker.interrupt, run)


@contextmanager
def cluster(scheduler: str) -> Iterator[Pool]:
    """Yield the pool of the Dask cluster at an address. Raises UserError if there is none, or Dask is not installed."""
    try:
        from distributed import Client  # optional: everything else works without it
    except ImportError:
        raise UserError("--scheduler needs Dask, which is not installed here: 'make setup' installs it") from None
    # A client logs a traceback when its scheduler is gone. One line is shown instead.
    for name in ("distributed.client", "distributed.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        found = f"found no Dask scheduler at {scheduler} ({error})"
        raise UserError(f"{found}: start one as docs/clusters.md says") from None
    with client:
        yield Cluster(client)


def workers_here(threads: int) -> int:
    """Return how many stages to run at once on this machine: as many as cores and free memory allow, at least 1.

    Cores are those that this process may use, given its affinity, its cgroup's quota and LOKY_MAX_CPU_COUNT. threads:
    per numerical operation.
    """
    cores = int(cpu_count())
    return max(1, min(cores // threads, free_memory() // BYTES_OF_A_STAGE))


def free_memory() -> int:
    """Return the bytes that this process and its children may still use, given the machine and the cgroup."""
    free = int(psutil.virtual_memory().available)
    for folder, limit, usage in _cgroups():
        try:
            most, used = (int((folder / name).read_text()) for name in (limit, usage))
            counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # no cgroup of this version, or no limit ("max")
            continue
        # The system reclaims cached files first.
        cached = int(counts.get("total_inactive_file", counts.get("inactive_file", 0)))
        free = min(free, most - used + cached)
    return free


def _cgroups() -> Iterator[tuple[Path, str, str]]:
    """Yield the folders of this process's cgroups and of those around them, each with the names of its two files.

    SLURM, for example, limits a job in a cgroup of its own, far below the root.
    """
    own: dict[str, str] = {}  # path by controller
    if OWN_CGROUPS.exists():  # on Linux
        for line in OWN_CGROUPS.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            own |= dict.fromkeys(controllers.split(","), path)
    for controller, limit, usage in CGROUPS:
        if controller in own:
            top = CGROUP / controller
            # In a container, the path may be that of the host: its folders do not exist, and the root is left.
            inner = top / own[controller].lstrip("/")
            yield from ((folder, limit, usage) for folder in (inner, *inner.parents) if folder.is_relative_to(top))
