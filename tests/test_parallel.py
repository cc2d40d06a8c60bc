"""The graph on workers of a real Dask scheduler: the results of a serial run, also when workers and stages fail."""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client, Future
from ruamel.yaml import YAML

from tests.conftest import dvc, git, ran, tool
from tests.test_interruptions import SWALLOWED, lock_entries, results, running_stages, start, until
from tools import parallel, worker


class Cluster:
    """A scheduler and its workers, each a process started in a folder."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        """Start the scheduler in a workspace; folder: an empty one, for logs."""
        self.folder = folder
        contact = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(contact)]
        self.processes = [self._start(workspace, "scheduler", *options)]
        until(contact.exists)
        until(lambda: contact.read_text().strip().endswith("}"))
        self.address = json.loads(contact.read_text())["address"]

    def _start(self, workspace: Path, kind: str, *options: str) -> psutil.Popen:
        log = self.folder / f"{kind}-{time.time_ns()}.log"
        return start(workspace, log, [sys.executable, "-m", "distributed.cli.dask_" + kind, *options])

    def work_in(self, workspace: Path) -> psutil.Popen:
        """Start a worker, without a nanny that would start it anew when it is killed."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder)]
        self.processes.append(self._start(workspace, "worker", self.address, *options))
        return self.processes[-1]

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tiny: Path, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster", tiny)
    yield cluster
    cluster.stop()


def lose(folder: Path, *kinds: str) -> None:
    """Make it so that no stage of these kinds has ever run, as far as DVC knows."""
    shutil.rmtree(folder / ".dvc/cache/runs")
    yaml = YAML(typ="safe", pure=True)
    lock = yaml.load(folder / "dvc.lock")
    lost = [name for name in lock["stages"] if name.partition("@")[0] in kinds]
    outputs = [out["path"] for name in lost for out in lock["stages"].pop(name)["outs"]]
    yaml.dump(lock, folder / "dvc.lock")
    for path in outputs:
        (folder / path).unlink()


def trainings(folder: Path) -> list[psutil.Process]:
    """Return the trainings running in a folder."""
    return [stage for stage in running_stages(folder) if "stages.train" in stage.info["cmdline"]]


def at_training(folder: Path, workers: list[psutil.Popen]) -> list[psutil.Popen]:
    """Return the workers that run a training."""
    parents = {parent.pid for training in trainings(folder) for parent in training.parents()}
    return [worker for worker in workers if worker.pid in parents]


def test_workers_give_the_entries_of_a_serial_run(tiny: Path, cluster: Cluster, tmp_path: Path) -> None:
    """One worker is killed while its training is running; the training itself outlives it."""
    expected, files = lock_entries(tiny), results(tiny)
    lose(tiny, "train", "posterior")
    workers = [cluster.work_in(tiny) for _ in range(2)]
    log = tmp_path / "log"
    run = start(tiny, log, [sys.executable, "-m", "tools.parallel", "--scheduler", cluster.address])
    until(lambda: at_training(tiny, workers))
    at_training(tiny, workers)[0].send_signal(signal.SIGKILL)
    assert run.wait() == 0, log.read_text()
    assert lock_entries(tiny) == expected
    assert results(tiny) == files
    assert "are what dvc.lock says" in tool(tiny, "verify")
    output = log.read_text()
    assert output.count(" train@") == 4
    assert "autoencoder" not in output  # it had not changed
    assert not ran(dvc(tiny, "repro"))
    assert "no stage has changed" in tool(tiny, "parallel")


def test_no_stage_waits_behind_another_on_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask, which does not know how long a stage takes, would queue it there while other workers are idle."""
    submit, handed_out = Client.submit, list[Future[worker.Success]]()

    def watched(*arguments: Any, **options: Any) -> Future[worker.Success]:
        assert sum(not future.done() for future in handed_out) < 2
        handed_out.append(submit(*arguments, **options))
        return handed_out[-1]

    monkeypatch.setattr(Client, "submit", watched)
    names = {f"stage{number}" for number in range(6)}
    plan = parallel.Plan(after={name: set() for name in names}, changed=names, known={name: {} for name in names})
    with parallel.connected(None, workers=2) as client:
        assert parallel.visit(plan, client, lambda name: worker.Success({}, len(name))) == ({}, set())
    assert len(handed_out) == len(names)


def test_a_failed_stage_is_named_and_all_that_does_not_need_it_runs(tiny: Path, change: Callable[..., None]) -> None:
    change({"synthesize.seed": 1})
    with (tiny / "stages/posterior.py").open("a") as file:
        file.write("\nraise SystemExit('the lamp went out')\n")
    output = tool(tiny, "parallel", "--workers", "2", status=1)
    named = output.replace("posterior@0.5, posterior@0", "posterior@0, posterior@0.5")  # as either may fail first
    assert "these stages failed: posterior@0, posterior@0.5" in named
    assert "2 more depend on them" in output  # summarize and figures
    assert "the lamp went out" in output
    assert "Dashboard: http://127.0.0.1:" in output
    assert "Traceback" not in output
    git(tiny, "checkout", "stages")
    assert ran(dvc(tiny, "repro")) == {"summarize", "figures"}


def test_ctrl_c_ends_workers_and_stages_quietly(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    change({"models.tiny.epochs": 1000})
    log = tmp_path / "log"
    run = start(tiny, log, [sys.executable, "-m", "tools.parallel", "--workers", "2"])
    until(lambda: trainings(tiny))
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait() == 130
    logs = tiny / ".dvc/tmp/parallel"
    until(lambda: not running_stages(tiny) or any(SWALLOWED.search(path.read_text()) for path in logs.iterdir()))
    for stage in running_stages(tiny):  # as TensorFlow has swallowed it
        stage.send_signal(signal.SIGINT)
    until(lambda: not running_stages(tiny))
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "expected 1 or more, found 0"),
        (["--scheduler", "tcp://127.0.0.1:1"], "found no Dask scheduler at tcp://127.0.0.1:1"),
        (["no_such_stage"], "no_such_stage"),
    ],
)
def test_mistakes_get_a_message(tiny: Path, change: Callable[..., None], arguments: list[str], message: str) -> None:
    change({"synthesize.seed": 1})
    output = tool(tiny, "parallel", *arguments, status=2 if "expected" in message else 1)
    assert message in output
    assert "Traceback" not in output


def test_a_scheduler_that_does_not_know_the_project_gets_a_message(
    tiny: Path, change: Callable[..., None], tmp_path: Path
) -> None:
    change({"synthesize.seed": 1})
    (tmp_path / "elsewhere").mkdir()
    cluster = Cluster(tmp_path / "elsewhere", tmp_path)
    cluster.work_in(tmp_path)
    output = tool(tiny, "parallel", "--scheduler", cluster.address, "check", status=1)
    cluster.stop()
    assert "start scheduler and workers in the project's folder" in output
    assert "Traceback" not in output


def test_a_lost_scheduler_gets_a_message(
    tiny: Path, cluster: Cluster, change: Callable[..., None], tmp_path: Path
) -> None:
    change({"models.tiny.epochs": 3})
    cluster.work_in(tiny)
    log = tmp_path / "log"
    run = start(tiny, log, [sys.executable, "-m", "tools.parallel", "--scheduler", cluster.address, "train"])
    until(lambda: trainings(tiny))
    cluster.processes[0].kill()
    assert run.wait() == 1
    assert "the scheduler has ended" in log.read_text()
    assert "Traceback" not in log.read_text()
