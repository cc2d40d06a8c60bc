"""Gather the results of all runs in params.yaml into metrics and the tables in ``plots``."""

from itertools import product
from pathlib import Path

from noisy_mnist.core import params, tables
from noisy_mnist.core.stage import run
from noisy_mnist.denoising.params import DenoiseParams
from noisy_mnist.learning import checkpoints
from noisy_mnist.reporting import summary
from noisy_mnist.reporting.other_results import CONTROL
from noisy_mnist.reporting.params import GridParams, WeightDecayParams


def main() -> None:
    """Read the results in ``data``, write ``metrics/summary.json``, ``metrics/scores.csv`` and ``plots/*.csv``."""
    grid = params.read(GridParams, "grid")
    decay = params.read(WeightDecayParams, "weight_decay")
    scales, factors = [str(scale) for scale in grid.scales], [CONTROL, *map(str, decay.factors)]
    levels = [str(level) for level in params.read(DenoiseParams, "denoise").control_levels]
    runs, penalised = list(product(grid.models, scales, grid.seeds)), product(decay.penalties, factors, decay.seeds)

    results = summary.Results(
        scales=scales,
        reports={run: tables.read_json(Path("data/scores/{}/{}-{}.json".format(*run))) for run in runs},
        histories={run: tables.read_csv(Path("data/history/{}/{}-{}.csv".format(*run))) for run in runs},
        posterior={scale: tables.read_json(Path(f"data/posterior/{scale}.json")) for scale in scales},
        denoised={scale: tables.read_json(Path(f"data/denoise_scale/{scale}.json")) for scale in scales},
        weight_decay={run: tables.read_json(penalty_scores(*run)) for run in penalised},
        autoencoder=tables.read_csv(Path("data/history/autoencoder.csv")),
        denoise=tables.read_csv(Path("data/denoise/scores.csv"), text=["level"]),
        gains=tables.read_csv(Path("data/denoise/gains.csv"), text=["level"]),
        control={level: tables.read_json(Path(f"data/denoise_control/{level}.json")) for level in levels},
        new_digits=tables.read_csv(Path("data/synthesize/scores.csv")),
    )

    for name, table in summary.plots(results).items():
        tables.write_csv(Path(f"plots/{name}.csv"), table)
    tables.write_csv(Path("metrics/scores.csv"), results.scores)
    tables.write_json(Path("metrics/summary.json"), summary.summary(results))
    print(summary.accuracy_table(results))
    checkpoints.drop_finished(Path("checkpoints"), Path("data"))  # DVC has recorded the inputs of this stage


def penalty_scores(penalty: str, factor: str, seed: int) -> Path:
    """Return the path of the scores of a training; all penalties share those of the control."""
    return Path(f"data/weight_decay/{'none' if factor == CONTROL else penalty}-{factor}-{seed}.json")


if __name__ == "__main__":
    run(main)
