"""What the benchmarks compare and count. Times are not tested."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.repo import Repo

from benchmarks import full_graph, full_study, gpu, growth, measure, scaling, stubs, training_speed
from benchmarks.full_study import Cost, Reach
from benchmarks.measure import CPU_ONLY, Result, Run
from noisy_mnist import study
from noisy_mnist.data import splits
from noisy_mnist.learning import models
from noisy_mnist.learning.backend import keras
from tools import workspace

PARAMS = workspace.read_params(workspace.ROOT / "params.yaml")
CHANGES = full_study.possible_changes(PARAMS)


@pytest.mark.parametrize("changes", [growth.SMALL, *map(scaling.grid, scaling.WORKERS), *CHANGES.values()])
def test_grids_are_accepted_by_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    shutil.copy(workspace.ROOT / "params.yaml", tmp_path)
    workspace.change_params(tmp_path / "params.yaml", changes)
    monkeypatch.chdir(tmp_path)
    study.check()


@pytest.mark.usefixtures("tensorflow_set_up")
@pytest.mark.parametrize("net", ["mlp", "cnn"])
def test_the_notebook_trains_the_network_of_params(tmp_path: Path, net: str) -> None:
    """With the same weights it gives the same probabilities; its dropout, optimizer and batch are the same."""
    params = study.Params.model_validate(PARAMS).models[net]
    images = np.random.default_rng(0).random((2 * params.batch_size, *splits.IMAGE_SHAPE)).astype(np.float16)
    for name in splits.SPLITS[:2]:
        splits.save(tmp_path, name, [images], np.zeros(len(images), np.uint8), np.float16)
    script = str(workspace.ROOT / "benchmarks/notebook.py")
    subprocess.run([sys.executable, script, net, str(tmp_path), "1", "0"], check=True, capture_output=True)
    theirs = keras.saving.load_model(tmp_path / "notebook.keras")
    ours = models.classifier(params, "float32", images.mean(dtype=float), images.std(dtype=float))
    ours.set_weights(theirs.get_weights())
    few = images[:8].astype(np.float32)
    np.testing.assert_allclose(theirs(few), ours(few), rtol=1e-5)
    rates = [[layer.rate for layer in model.layers if hasattr(layer, "rate")] for model in (theirs, ours)]
    assert rates[0] == rates[1]
    expected = models.optimizer(params, steps=2).get_config()
    assert theirs.optimizer.get_config() | {"name": expected["name"]} == expected
    assert theirs.optimizer.iterations == 2


def test_flop_count_the_backward_pass_twice_but_once_in_the_first_layer(tmp_path: Path) -> None:
    shutil.copy(workspace.ROOT / "params.yaml", tmp_path)
    net = {**PARAMS["models"]["cnn"], "layers": [{"conv": 2, "kernel": 3, "pool": 2}, {"dropout": 0.5}, {"dense": 3}]}
    workspace.change_params(tmp_path / "params.yaml", {"models.cnn": net})
    train, validation = 50, 20
    for name, n in zip(splits.SPLITS[:2], (train, validation), strict=True):
        images = np.zeros((n, *splits.IMAGE_SHAPE))
        folder = tmp_path / f"data/noisy/{training_speed.SCALE}"
        splits.save(folder, name, [images], np.zeros(n, np.uint8), np.float16)
    conv, dense, last = 2 * 26 * 26 * 9 * 2, 2 * 13 * 13 * 2 * 3, 2 * 3 * 10
    expected = train * (2 * conv + 3 * dense + 3 * last) + validation * (conv + dense + last)
    assert training_speed.gflop(training_speed.Net("cnn", 3, 1, {}), tmp_path) == pytest.approx(expected / 1e9)


def test_cpu_seconds_count_child_processes_and_no_waiting(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    assert measure.command(["sh", "-c", f'"{sys.executable}" -c "$0"; true', busy], tmp_path).cpu_seconds >= 0.5
    asleep = measure.command(["sleep", "1"], tmp_path)
    assert asleep.cpu_seconds < 0.5 < asleep.seconds


def test_stubs_change_only_the_commands_of_stages_and_write_all_their_outputs(tmp_path: Path) -> None:
    stubs.create(tmp_path, growth.SMALL)
    originals, stages = (workspace.read_params(root / "dvc.yaml")["stages"] for root in (workspace.ROOT, tmp_path))
    assert {name: stage | {"cmd": ""} for name, stage in stages.items()} == {
        name: stage | {"cmd": ""} for name, stage in originals.items()
    }
    with Repo(tmp_path) as repo:
        one_of_each = {stage.name.partition("@")[0]: stage for stage in repo.index.stages}
        for stage in one_of_each.values():
            subprocess.run(stage.cmd, shell=True, cwd=tmp_path, check=True)  # noqa: S602
            assert all(Path(out.fs_path).exists() for out in stage.outs), stage.name
    assert one_of_each.keys() == stages.keys()


def test_the_cost_of_a_stage_is_what_its_run_takes_beyond_one_with_nothing_to_do(tmp_path: Path) -> None:
    noop = Run(5.0, 3.0, [(4.9, "Data and pipelines are up to date.")])
    runs = [Run(9.0, cpu, [(1.0, "Running stage 'check':"), (5.0, "Running stage 'figures':")]) for cpu in (7, 13, 9)]
    (tmp_path / "dvc.lock").write_bytes(bytes(1500))
    costs = full_graph.results(full_graph.FullGraph(tmp_path, Run(60.0, 50.0, []), [noop] * 3, runs))
    assert costs == {
        "graph.stub_seconds": Result(60, 60, 60, 1, "s"),
        "graph.noop_seconds": Result(5, 5, 5, 3, "s"),
        "graph.noop_cpu_seconds": Result(3, 3, 3, 3, "s"),
        "graph.stage_cpu_seconds": Result(3, 2, 5, 3, "s / stage"),
        "graph.lock_kb": Result(1.5, 1.5, 1.5, 1, "kB"),
    }


def test_dvc_treats_copied_grid_points_as_if_they_had_run(tmp_path: Path) -> None:
    def ran() -> set[str]:
        return {name for _, name in stubs.started(growth.repro(tmp_path))}

    stubs.create(tmp_path, growth.SMALL)
    assert {"train@mlp-0.5-0", "evaluate@mlp-0.5-0"} <= ran()
    growth.copy(tmp_path, range(1, 3))
    growth.use(tmp_path, 3)
    assert ran() == {"check"}
    growth.use(tmp_path, 4)
    assert ran() == {"check", *(f"{stage}@mlp-{scale}-3" for stage in ("train", "evaluate") for scale in growth.SCALES)}


def test_a_run_is_divided_among_its_stages(tmp_path: Path) -> None:
    """A stage counts from the end of the one before, or from the start. The first epoch is not timed."""
    (tmp_path / "train@mlp-0-0.log").write_text("".join(f"epoch {n}/4: loss 1, {n / 2:.2f} s\n" for n in range(1, 5)))
    lines = [(5.0, "1/9 train@mlp-0-0: 4 s, 8 to go"), (6.0, "other"), (9.0, "2/9 posterior@0: 4 s, 7 to go")]
    assert dict(full_study.timed(lines, tmp_path)) == {"train@mlp": Cost(5.0, 1.5), "posterior": Cost(4.0, 0.0)}


def test_the_cost_of_a_change_is_training_scoring_planner_and_the_rest() -> None:
    reached = Reach(Counter({"train@mlp": 3, "evaluate@mlp": 2, "posterior": 1, "summarize": 1}), 10, PARAMS)
    costs = {"train@mlp": Cost(7, 2), "evaluate@mlp": Cost(4, 0), "posterior": Cost(5, 0)}
    epochs = PARAMS["models"]["mlp"]["epochs"]
    started = 7 - full_study.EPOCHS * 2
    assert full_study.spent(reached, costs) == {
        "training": 3 * epochs * 2,
        "scoring": 2 * 4,
        "planner": 10,
        "else": 3 * started + 5,
    }


def test_a_gpu_is_compared_with_the_cpu_by_epoch() -> None:
    cost = training_speed.Cost
    rounds = [gpu.Round(cost(20, 6, 0.9), {"cnn": cost(16, epoch, 0.88)}) for epoch in (1.5, 2, 3)]
    found = gpu.compared("cnn", rounds)
    assert found["gpu.cnn.speedup"] == Result(3, 2, 4, 3, "ratio")
    assert found["gpu.cnn.epoch_seconds"] == Result(2, 1.5, 3, 3, "s")
    assert found["gpu.cnn.other_seconds"].value == 16 - gpu.EPOCHS * 2
    assert found["gpu.cnn.cpu_other_seconds"].value == 20 - gpu.EPOCHS * 6
    assert found["gpu.cnn.accuracy_gain"].value == pytest.approx(-2)


def test_gpu_is_left_out_without_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in CPU_ONLY.items():
        monkeypatch.setenv(name, value)
    gpu.card.cache_clear()
    assert list(gpu.main()) == []
    assert "left out" in capsys.readouterr().out
    gpu.card.cache_clear()
