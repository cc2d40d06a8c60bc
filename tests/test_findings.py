"""Each sentence in README and docs that states a finding of the noise study has the numbers of the committed tables."""

import numpy as np
from scipy import stats

from noisy_mnist.core import tables
from tools.workspace import ROOT

IMAGES = 10_000
ACCURACIES = tables.read_csv(ROOT / "plots/accuracy_by_scale.csv")


def by_seed(model: str, scale: float, split: str = "test") -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the accuracies of a model at a scale, in the order of the seeds."""
    rows = ACCURACIES[(ACCURACIES["model"] == model) & (ACCURACIES["scale"] == scale) & (ACCURACIES["split"] == split)]
    return rows.sort_values("seed")["accuracy"].to_numpy()


def difference(one: str, other: str, scale: float) -> str:
    """Return by how many points one model is more accurate than another: mean over seeds ± half-width of 95 %.

    As intervals.spread for one model: Student's t over the differences seed by seed, and the binomial part of each
    model's own accuracy, as if each had test images of its own.
    """
    a, b = by_seed(one, scale), by_seed(other, scale)
    n = len(a)
    seeds = stats.t.ppf(0.975, n - 1) * (a - b).std(ddof=1) / np.sqrt(n)
    images = [1.959964 * np.sqrt(p * (1 - p) / IMAGES) for p in (a.mean(), b.mean())]
    half_width = np.hypot.reduce([seeds, *images])
    return f"{100 * (a - b).mean():.1f} ± {100 * half_width:.1f}".replace("-", "−")
