"""The graph by ``make repro``: the entries of ``dvc repro``, on threads and on a Dask cluster, also when parts fail."""

import errno
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import psutil
import pytest
from dvc.lock import make_lock
from dvc.repo import Repo
from dvc.utils.serialize import dump_yaml, load_yaml

from noisy_mnist.core.errors import UserError
from noisy_mnist.datasets.params import MIRROR_VARIABLE
from tests.conftest import dvc, git, ran, run_in, shown, tool
from tests.test_interruptions import lock_entries, results, running_stages, start, until
from tools import lockfile, pools, repository, repro, warm_start, worker
from tools.planner import PathsInUse, Planner
from tools.worker import Command

REPRO = [sys.executable, "-m", "tools.repro"]


class Cluster:
    """A scheduler and its workers, each a process started in a folder."""

    def __init__(self, folder: Path, workspace: Path) -> None:
        """Start the scheduler in a workspace; folder: an empty one, for logs."""
        self.folder, self.workspace = folder, workspace
        contact = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(contact)]
        self.processes = [self._start("scheduler", *options)]
        until(contact.exists)
        until(lambda: contact.read_text().strip().endswith("}"))
        self.address = json.loads(contact.read_text())["address"]

    def _start(self, kind: str, *options: str) -> psutil.Popen:
        log = self.folder / f"{kind}-{time.time_ns()}.log"
        return start(self.workspace, log, [sys.executable, "-m", "distributed.cli.dask_" + kind, *options])

    def add_worker(self) -> psutil.Popen:
        """Start a worker, without a nanny that would start it anew when it is killed."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(self.folder)]
        self.processes.append(self._start("worker", self.address, *options))
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
    lock = load_yaml(folder / "dvc.lock")
    lost = [name for name in lock["stages"] if name.partition("@")[0] in kinds]
    outputs = [out["path"] for name in lost for out in lock["stages"].pop(name)["outs"]]
    dump_yaml(folder / "dvc.lock", lock)
    for path in outputs:
        (folder / path).unlink()


def test_dvc_finds_nothing_to_do_after_it(finished: Path) -> None:
    """That both ways give the same entries, byte for byte, shows a forced run of dvc in test_pipeline."""
    assert not ran(dvc(finished, "repro", "--dry"))
    assert "up to date" in dvc(finished, "status")
    assert "nothing has changed" in tool(finished, "repro")


def test_what_was_run_before_is_not_run_again(tiny: Path, change: Callable[..., None]) -> None:
    """As with dvc: a value changed and changed back comes from the run cache; targets run with what they need."""
    change({"models.tiny.epochs": 1})
    assert shown(tool(tiny, "repro", "evaluate@tiny-0-0")) == {"check", "train@tiny-0-0", "evaluate@tiny-0-0"}
    change({"models.tiny.epochs": 2})
    output = tool(tiny, "repro")
    assert "train@tiny-0-0: from the run cache" in output
    assert not git(tiny, "diff", "--stat", "dvc.lock")
    assert not ran(dvc(tiny, "repro"))


def test_an_unchanged_output_reruns_nothing_after_it(tiny: Path) -> None:
    with (tiny / "noisy_mnist/reporting/summary.py").open("a") as file:
        file.write("# edited\n")
    assert shown(tool(tiny, "repro")) == {"check", "summarize", "figures"}  # both import the layer
    with (tiny / "stages/noise.py").open("a") as file:
        file.write("# edited\n")
    assert shown(tool(tiny, "repro")) == {"noise@0", "noise@0.5"}


def test_a_fork_gives_the_bytes_of_a_process_of_its_own(tiny: Path) -> None:
    """With no fork server each stage has one."""
    files = results(tiny)
    lose(tiny, "train")
    tool(tiny, "repro", "--workers", "2", "train")
    assert results(tiny) == files
    lose(tiny, "train")
    shutil.rmtree(tiny / "checkpoints")
    with (tiny / "tools/worker.py").open("a") as file:
        file.write('\n\ndef warm_up(_environment: object) -> None:\n    """Have no fork server."""\n')
    tool(tiny, "repro", "--workers", "2", "train")
    assert results(tiny) == files


def test_a_fork_server_has_the_library_as_it_is_or_is_not_used(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tiny)
    monkeypatch.setenv("PYTHONPATH", str(tiny))
    monkeypatch.setattr(worker, "_server", warm_start.ForkServer())
    assert worker._server
    assert not worker._server.starting(60)
    assert worker._server.ready()
    log = tmp_path / "log"
    score = Command("run", "evaluate", "python -m stages.evaluate tiny 0.5 0", {"DVC_ROOT": "."}, log, tensorflow=True)
    assert worker.run(score).status == 0
    wrong = replace(score, command="python -m stages.evaluate nothing 0.5 0")
    ending = worker.run(wrong)
    assert ending.status == 1
    assert "models/nothing/0.5-0.keras not found" in ending.last

    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)  # type: ignore[attr-defined]
    assert worker.run(score).status == 0  # by another server, or a process of its own

    (tiny / "noisy_mnist/data/noise.py").touch()
    assert not worker._server.ready()
    assert worker.run(score).status == 0


def test_what_depends_on_a_stage_that_has_run_is_looked_at_again(tiny: Path, change: Callable[..., None]) -> None:
    """dvc.lock has the split of another seed, for which no noise was drawn; the workspace has that of before."""
    change({"split.seed": 1})
    tool(tiny, "repro", "split")
    (tiny / "data/clean").rename(tiny / "other")
    change({"split.seed": 0})
    lock = load_yaml(tiny / "dvc.lock")["stages"]["split"]
    dvc(tiny, "repro", "split")
    change({"split.seed": 1})
    changed = load_yaml(tiny / "dvc.lock")
    changed["stages"]["split"] = lock
    dump_yaml(tiny / "dvc.lock", changed)
    assert {"noise@0", "noise@0.5"} <= shown(tool(tiny, "repro", "noise"))
    assert not ran(dvc(tiny, "repro", "noise"))


def test_ctrl_c_while_tensorflow_is_imported_ends_the_run(
    tiny: Path, change: Callable[..., None], tmp_path: Path
) -> None:
    change({"models.tiny.epochs": 1000})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--workers", "2", "train"])
    until(lambda: "check: " in log.read_text())
    time.sleep(1)
    os.killpg(run.pid, signal.SIGINT)
    until(lambda: run.poll() is not None)
    assert run.wait() == 130
    assert not running_stages(tiny)
    assert "Traceback" not in log.read_text()


def test_a_dependency_that_changes_while_a_stage_runs_is_noticed(
    tiny: Path, change: Callable[..., None], tmp_path: Path
) -> None:
    """What dvc.lock and the run cache say of a training is what it ran on."""
    change({"models.tiny.epochs": 200})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "train@tiny-0.5-0"])
    until(lambda: running_stages(tiny, "train"))
    change({"models.tiny.epochs": 3})
    assert run.wait() == 1
    assert "what it depends on changed while it ran" in log.read_text()
    assert "train@tiny-0.5-0" in shown(tool(tiny, "repro", "train@tiny-0.5-0"))


def test_a_change_of_params_is_noticed_at_any_time(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though params.yaml is parsed only when it has changed."""
    monkeypatch.chdir(tiny)
    with repository.open_repo() as repo, Planner(repo, [], allow_missing=False) as planner:
        for seed, changed in ((0, False), (1, True), (0, False), (2, True)):
            change({"synthesize.seed": seed})
            assert planner.changed("synthesize") == changed


def test_a_full_disk_gets_a_message_and_the_next_run_resumes(tiny: Path, change: Callable[..., None]) -> None:
    """A limit on the size of a file stands in for the disk: no noisy copy of the training images can be written."""
    change({"noise.seed": 1})
    command = ["prlimit", "--fsize=1000000", *REPRO, "noise", "autoencoder"]
    output = run_in(tiny, command, 1)
    assert "noise@0.5" in output
    assert "could not be written" in output
    assert "Traceback" not in output
    assert "autoencoder" in shown(output)
    assert "FAILED" not in tool(tiny, "repro", "noise")
    assert "autoencoder" not in ran(dvc(tiny, "repro", "noise", "autoencoder"))


def test_a_dvc_lock_that_cannot_be_written_loses_nothing(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change({"noise.seed": 1})
    before = (tiny / "dvc.lock").read_bytes()

    def fail(_entries: object) -> None:
        raise UserError("dvc.lock could not be written")

    monkeypatch.chdir(tiny)
    monkeypatch.setattr(lockfile, "change", fail)
    with pytest.raises(UserError, match=r"dvc\.lock could not be written"):
        repro.main("noise@0.5")
    assert (tiny / "dvc.lock").read_bytes() == before
    assert "noise@0.5: from the run cache" in tool(tiny, "repro", "noise@0.5")


def test_what_dvc_add_tracks_is_no_stage(tiny: Path) -> None:
    (tiny / "notes.txt").write_text("mine")
    dvc(tiny, "add", "notes.txt")
    assert "nothing has changed" in tool(tiny, "repro")


def test_a_command_has_the_environment_of_its_worker(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the GPU that it is to use; what the planner adds comes on top."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    log = tiny / "log"
    added = {"DVC_ROOT": ".", "DVC_STAGE": "name"}
    command = Command("run", "name", "echo $CUDA_VISIBLE_DEVICES $DVC_STAGE", added, log, tensorflow=False)
    assert worker.run(command).last == "3 name"


def test_a_warning_of_a_stage_is_shown_and_the_rest_of_its_log_is_not(tiny: Path) -> None:
    graph = (tiny / "dvc.yaml").read_text()
    said = "cmd: \"echo 'warning: look' && echo 'no warning: x' && python -m stages.check\""
    (tiny / "dvc.yaml").write_text(graph.replace("cmd: python -m stages.check", said))
    output = tool(tiny, "repro", "check")
    assert "new or changed stages: 1 " in output
    assert "check: warning: look\n" in output
    assert "no warning" not in output


def test_a_failed_stage_is_named_and_all_that_does_not_need_it_runs(tiny: Path, change: Callable[..., None]) -> None:
    change({"synthesize.seed": 1})
    with (tiny / "stages/posterior.py").open("a") as file:
        file.write("\nraise SystemExit('the lamp went out')\n")
    output = tool(tiny, "repro", "--workers", "2", status=1)
    failed = re.search(r"these stages failed: (.+?)\. (\d+) more depend on them", output)
    assert failed
    assert set(failed[1].split(", ")) == {"posterior@0", "posterior@0.5"}
    assert failed[2] == "2"  # summarize and figures
    assert "the lamp went out" in output
    assert "Traceback" not in output
    git(tiny, "checkout", "stages")
    assert ran(dvc(tiny, "repro")) == {"summarize", "figures"}


def test_a_stage_without_its_output_fails(tiny: Path) -> None:
    (tiny / "stages/figures.py").write_text("")
    output = tool(tiny, "repro", status=1)
    assert "these stages failed: figures." in output
    assert "Traceback" not in output


def test_a_killed_run_loses_no_finished_stage(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    """Even if dvc.lock was not written since: the run cache has them, and its running stages end with it."""
    change({"models.tiny.epochs": 1, "models.tiny_fresh.epochs": 1000})
    before = (tiny / "dvc.lock").read_bytes()
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--workers", "2", "train"])
    until(lambda: {"train@tiny-0-0", "train@tiny-0.5-0"} <= shown(log.read_text()))
    until(lambda: running_stages(tiny, "train tiny_fresh"))
    run.kill()
    run.wait()
    until(lambda: not running_stages(tiny))
    change({"models.tiny_fresh.epochs": 2})
    (tiny / "dvc.lock").write_bytes(before)
    tool(tiny, "repro", "check")  # the kill may have come while DVC's list of paths in use was written
    output = dvc(tiny, "repro", "train")
    assert ran(output) <= {"check"}
    assert {"train@tiny-0-0", "train@tiny-0.5-0"} <= set(re.findall(r"Stage '(\S+)' is cached", output))


def test_ctrl_c_keeps_what_has_ended_and_tells_what_is_running(
    tiny: Path, change: Callable[..., None], tmp_path: Path
) -> None:
    change({"models.tiny.epochs": 1, "models.tiny_fresh.epochs": 1000})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--workers", "2", "train"])
    until(lambda: {"train@tiny-0-0", "train@tiny-0.5-0"} <= shown(log.read_text()))
    until(lambda: any("epoch 2/" in path.read_text() for path in (tiny / ".dvc/tmp/logs").glob("train@tiny_fresh*")))
    os.killpg(run.pid, signal.SIGINT)
    until(lambda: run.poll() is not None or running_stages(tiny))
    for stage in running_stages(tiny).values():  # TensorFlow may have swallowed it, while it freed what it traced
        time.sleep(5)
        with suppress(psutil.NoSuchProcess):
            stage.send_signal(signal.SIGINT)
    assert run.wait() == 130
    assert not running_stages(tiny)
    assert "run it again to resume" in log.read_text()
    assert "Traceback" not in log.read_text()
    change({"models.tiny_fresh.epochs": 2})
    assert not ran(dvc(tiny, "repro", "--dry", "evaluate@tiny-0-0")) & {"train@tiny-0-0"}


def test_a_paused_run_goes_on(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    change({"models.tiny.epochs": 20})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--workers", "2", "train"])
    until(lambda: running_stages(tiny, "train tiny"))
    paused = [run, *run.children(recursive=True)]
    for process in paused:
        process.suspend()
    time.sleep(20)
    for process in paused:
        process.resume()
    assert run.wait() == 0, log.read_text()


def test_a_stage_that_runs_already_is_waited_for(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    """Such as one that outlived the run which started it; suspended, it runs for as long as is needed here."""
    change({"models.tiny.epochs": 100})
    twin = start(tiny, tmp_path / "twin", [sys.executable, "-m", "stages.train", "tiny", "0.5", "0"])
    until(lambda: running_stages(tiny, "train"))
    twin.suspend()
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "train@tiny-0.5-0"])
    until(lambda: "train@tiny-0.5-0 waits for another process" in log.read_text())
    twin.resume()
    assert twin.wait() == 0
    assert run.wait() == 0
    assert log.read_text().count("waits for another process") == 1
    assert "train@tiny-0.5-0" in shown(log.read_text())


def test_another_dvc_may_look_and_run_meanwhile(tiny: Path, change: Callable[..., None], tmp_path: Path) -> None:
    """DVC's lock is free while stages run, its list names their paths, and entries of others stay in dvc.lock."""
    change({"models.tiny.epochs": 100, "synthesize.seed": 1})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "train@tiny-0.5-0"])
    until(lambda: running_stages(tiny, "train"))
    (training,) = running_stages(tiny, "train").values()
    training.suspend()
    assert "synthesize" in dvc(tiny, "status", "synthesize")
    assert "is busy, it is being blocked by" in dvc(tiny, "repro", "train@tiny-0.5-0", status=255)
    assert ran(dvc(tiny, "repro", "--single-item", "synthesize")) == {"synthesize"}
    training.resume()
    assert run.wait() == 0, log.read_text()
    assert not ran(dvc(tiny, "repro", "synthesize", "train@tiny-0.5-0"))


def test_an_entry_that_another_dvc_writes_meanwhile_stays_if_it_fits(
    tiny: Path, change: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the end of a stage and the next write of dvc.lock, which is some seconds later."""
    monkeypatch.chdir(tiny)
    name = "noise@0.5"

    def run_with(seed: int) -> None:
        """Run the stage as a run does, up to the moment in which dvc.lock is to be written."""
        change({"noise.seed": seed})
        assert planner.prepare(name, print)
        run_in(tiny, [sys.executable, "-m", "stages.noise", "0.5"], 0)
        planner.record(name)

    with repository.open_repo() as repo, Planner(repo, [name], allow_missing=False) as planner:
        run_with(seed=1)
        change({"noise.seed": 2})
        assert ran(dvc(tiny, "repro", "--single-item", name)) == {name}
        newer = lockfile.entries()[name]
        planner.write()
        assert lockfile.entries()[name] == newer

        run_with(seed=3)
        lockfile.change({name: {**newer, "deps": []}})
        planner.write()
    assert "up to date" in dvc(tiny, "status", name)


def test_paths_are_in_use_until_the_last_stage_has_ended(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny)
    with Repo() as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
        one, other = stages["train@tiny-0-0"], stages["train@tiny-0.5-0"]
        paths = PathsInUse(repo)
        paths.take(one)
        paths.take(other)
        in_use = json.loads((tiny / ".dvc/tmp/rwlock").read_text())
        paths.release(one)
        after = json.loads((tiny / ".dvc/tmp/rwlock").read_text())
        assert str(tiny / "data/clean") in in_use["read"].keys() & after["read"].keys()
        assert str(tiny / "models/tiny/0-0.keras") in in_use["write"].keys() - after["write"].keys()
        paths.release(other)
    assert json.loads((tiny / ".dvc/tmp/rwlock").read_text()) == {}


@pytest.mark.parametrize("hardlink", [False, True])
def test_the_lock_of_another_dvc_is_waited_for(tiny: Path, tmp_path: Path, hardlink: bool) -> None:
    """Of either kind that dvc's settings know."""
    dvc(tiny, "config", "core.hardlink_lock", str(hardlink).lower())
    for lock in tiny.glob(".dvc/tmp/*lock"):
        lock.unlink()  # of the other kind
    log = tmp_path / "log"
    (tiny / "stages/noise.py").open("a").write("# edited\n")
    with make_lock(str(tiny / ".dvc/tmp/lock"), tmp_dir=str(tiny / ".dvc/tmp"), hardlink_lock=hardlink):
        run = start(tiny, log, [*REPRO, "noise"])
        time.sleep(10)
        assert run.poll() is None
        assert not shown(log.read_text())
        assert "waiting for another dvc, which holds .dvc/tmp/lock" in log.read_text()
        assert ("If none is running, on any machine, remove .dvc/tmp/lock" in log.read_text()) is hardlink
    assert run.wait() == 0, log.read_text()
    assert shown(log.read_text()) == {"noise@0", "noise@0.5"}


def test_workers_of_a_cluster_give_the_entries_of_a_serial_run(tiny: Path, cluster: Cluster, tmp_path: Path) -> None:
    """One worker is killed while its training runs: that runs again elsewhere."""
    expected, files = lock_entries(tiny), results(tiny)
    lose(tiny, "train", "posterior")
    workers = [cluster.add_worker() for _ in range(2)]
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--scheduler", cluster.address])
    until(lambda: running_stages(tiny, "train"))
    (training, *_) = running_stages(tiny, "train").values()
    (victim,) = [worker for worker in workers if worker.pid in {parent.pid for parent in training.parents()}]
    victim.kill()
    assert run.wait() == 0, log.read_text()
    assert lock_entries(tiny) == expected
    assert results(tiny) == files
    assert "are what dvc.lock says" in tool(tiny, "verify")
    assert sum(name.startswith("train@") for name in shown(log.read_text())) == 4
    assert not ran(dvc(tiny, "repro"))


def test_a_lost_scheduler_gets_a_message(
    tiny: Path, cluster: Cluster, change: Callable[..., None], tmp_path: Path
) -> None:
    change({"models.tiny.epochs": 300})
    cluster.add_worker()
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--scheduler", cluster.address, "train"])
    until(lambda: running_stages(tiny, "train"))
    cluster.processes[0].kill()
    assert run.wait() == 1
    assert "the scheduler has ended" in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_run_without_workers_says_so_and_goes_on_with_the_first_that_comes(
    tiny: Path, change: Callable[..., None], cluster: Cluster, tmp_path: Path
) -> None:
    """Before it has started, and when the last one is lost, as at the end of a job's time; Ctrl-C then ends it."""
    change({"models.tiny.epochs": 300})
    log = tmp_path / "log"
    run = start(tiny, log, [*REPRO, "--scheduler", cluster.address, "train@tiny-0-0"])
    waiting = f"waiting for a worker: none is connected to {cluster.address}"
    until(lambda: waiting in log.read_text())
    worker = cluster.add_worker()
    until(lambda: running_stages(tiny, "train"))
    (training,) = running_stages(tiny, "train").values()
    worker.kill()
    training.kill()
    until(lambda: log.read_text().count(waiting) == 2)
    run.send_signal(signal.SIGINT)
    assert run.wait() == 130, log.read_text()
    assert "run it again to resume" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not json.loads((tiny / repository.IN_USE).read_text())


@pytest.mark.parametrize("scheduler_knows", [True, False])
def test_a_worker_in_another_folder_gets_a_message(
    tiny: Path, change: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler_knows: bool
) -> None:
    """In a copy of the project, say, where it would write; or without the project, which the scheduler must know."""
    change({"synthesize.seed": 1})
    for folder in ("logs", "copy"):
        (tmp_path / folder).mkdir()
    if scheduler_knows:
        monkeypatch.setenv("PYTHONPATH", str(tiny))
    cluster = Cluster(tmp_path / "logs", tmp_path / "copy")
    cluster.add_worker()
    output = tool(tiny, "repro", "--scheduler", cluster.address, "check", status=1)
    cluster.stop()
    assert "in the project's folder" in output
    assert not scheduler_knows or f"expected a worker in {tiny}, found one" in output
    assert "Traceback" not in output
    assert not any((tmp_path / "copy").iterdir())


def test_locks_are_taken_as_nfs_demands(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exclusive lock only on a file that is open for writing (NFS details in flock(2)); also of stages that ran."""
    taken = set()

    def flock(file: Any, operation: int) -> None:
        if operation & fcntl.LOCK_EX and fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if not isinstance(file, int):  # as DVC's own lock
            taken.add(Path(file.name).name)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.chdir(tiny)
    assert not repository.running_process("python -m stages.split")
    assert taken == {"split"}
    with repository.exclusive():
        assert taken == {path.name for path in repository.LOCKS.iterdir()}


def test_a_command_has_the_users_mirror(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of a cluster may have been started without it."""
    monkeypatch.chdir(tiny)
    with repository.open_repo() as repo, Planner(repo, ["download"], allow_missing=False) as planner:
        monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
        assert MIRROR_VARIABLE not in planner.command("download", 1).environment
        monkeypatch.setenv(MIRROR_VARIABLE, "/mirror")
        assert planner.command("download", 1).environment[MIRROR_VARIABLE] == "/mirror"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--workers", "0"], "expected 1 or more, found 0"),
        (["--scheduler", "tcp://127.0.0.1:1"], "found no Dask scheduler at tcp://127.0.0.1:1"),
        (["--scheduler", "nonsense"], "found no Dask scheduler at nonsense"),
        (["no_such_stage"], "no_such_stage"),
    ],
)
def test_mistakes_get_a_message(tiny: Path, change: Callable[..., None], arguments: list[str], part: str) -> None:
    change({"synthesize.seed": 1})
    output = tool(tiny, "repro", *arguments, status=2 if "expected" in part else 1)
    assert part in output
    assert "Traceback" not in output


def test_without_dask_everything_but_a_cluster_works(tiny: Path, change: Callable[..., None]) -> None:
    change({"figures.digits": 3})
    (tiny / "distributed.py").write_text("raise ImportError('not installed')")
    assert "'make setup' installs it" in tool(tiny, "repro", "--scheduler", "tcp://127.0.0.1:1", status=1)
    assert shown(tool(tiny, "repro")) == {"check", "figures"}


def test_workers_are_no_more_than_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "free_memory", lambda: 10**12)
    assert pools.workers_here(1) == len(os.sched_getaffinity(0))
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert pools.workers_here(1) == pools.workers_here(2) == 1


def test_free_memory_is_the_machines_and_the_cgroups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SLURM's jobs, say, have the limit in a folder below the root, which this process's own list of them names."""
    monkeypatch.setattr(pools, "CGROUP", tmp_path)
    monkeypatch.setattr(pools, "OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("3:cpu,memory:/job/step\n1:name=systemd:/\n0::/slurm/job/step\n")
    free = psutil.virtual_memory().available
    assert pools.free_memory() == pytest.approx(free, rel=0.2)
    (tmp_path / "memory.stat").write_text("inactive_file 200\nanon 300\n")
    (tmp_path / "memory.current").write_text("1000000200\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert pools.free_memory() == pytest.approx(free, rel=0.2)
    (tmp_path / "memory.max").write_text("2300000000\n")
    assert pools.free_memory() == 1_300_000_000
    assert pools.workers_here(1) == 1
    (tmp_path / "memory.max").write_text("1000000001\n")
    assert pools.workers_here(1) == 1
    (tmp_path / "memory.max").write_text("max\n")
    for folder, limit, usage in (
        ("slurm/job", "memory.max", "memory.current"),
        ("memory/job", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "memory.stat").write_text("inactive_file 100\n")
        (tmp_path / folder / usage).write_text("200\n")
        (tmp_path / folder / limit).write_text("2000\n")
        assert pools.free_memory() == 1900
        (tmp_path / folder / limit).write_text("max\n")
    assert pools.free_memory() == pytest.approx(free, rel=0.2)
