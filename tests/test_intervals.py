"""Mean, deviation and interval of a score over seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from noisy_mnist.reporting.intervals import spread


@pytest.mark.parametrize(("share", "half_width"), [(0.9925, 0.0017), (0.9847, 0.0024), (0.90, 0.0059), (0.50, 0.0098)])
def test_half_width_of_one_accuracy_is_the_binomial_one(share: float, half_width: float) -> None:
    found = spread([share], images=10_000)
    assert found["ci95"] == pytest.approx(half_width, abs=5e-5)
    assert (found["mean"], found["std"], found["n"]) == (share, None, 1)


def test_half_width_over_seeds_is_that_of_students_t() -> None:
    values = [0.1, 0.4, 0.25]
    found = spread(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found["ci95"] == pytest.approx((high - low) / 2)
    assert found["mean"] == pytest.approx((high + low) / 2)
    assert found["std"] == pytest.approx(pd.Series(values).std())
    assert spread([0.3])["ci95"] is None


def test_both_parts_of_a_half_width_add_as_squares() -> None:
    values = [0.5, 0.52]
    seeds, images = spread(values)["ci95"], spread([0.51], 100)["ci95"]
    assert spread(values, 100)["ci95"] == pytest.approx(np.hypot(seeds, images))
