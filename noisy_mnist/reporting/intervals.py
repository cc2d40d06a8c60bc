"""Mean, standard deviation and 95 % confidence interval of a score."""

import numpy as np
from scipy import stats

Spread = dict[str, float | int | None]  # mean, std, n, ci95


def spread(values: list[float], images: int | None = None) -> Spread:
    """Return mean, standard deviation, n and 95 % half-width of one score over n seeds.

    The half-width of the mean is the root of the sum of squares of two parts. The first is the variation over seeds
    (Student's t, n ≥ 2). The second, for a share of ``images`` test images, is the variation over test images (normal
    approximation of the binomial). All seeds share the test images, so more seeds do not reduce it. std is None for
    n = 1; the half-width is None if neither part is known.
    """
    n = len(values)
    mean = float(np.mean(values))
    std = float(np.std(values, ddof=1)) if n > 1 else None
    parts = []
    if std is not None:
        parts.append(float(stats.t.ppf(0.975, n - 1)) * std / np.sqrt(n))
    if images is not None:
        parts.append(float(stats.norm.ppf(0.975)) * np.sqrt(mean * (1 - mean) / images))
    return {"mean": mean, "std": std, "n": n, "ci95": float(np.hypot.reduce(parts)) if parts else None}
