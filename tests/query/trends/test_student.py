"""Quantiles of Student's t are those of the printed tables, and the right share of the distribution lies within."""

from __future__ import annotations

import math

import numpy as np
import pytest
from spanhouse_query.trends.student import two_sided_quantile

# Percentage points as statistical tables give them, to three digits after the point.
TABLE = {
    (0.90, 1): 6.314,
    (0.95, 1): 12.706,
    (0.99, 1): 63.657,
    (0.95, 2): 4.303,
    (0.95, 3): 3.182,
    (0.99, 5): 4.032,
    (0.95, 10): 2.228,
    (0.999, 10): 4.587,
    (0.90, 30): 1.697,
    (0.95, 120): 1.980,
    (0.95, 1_000_000): 1.960,
}


@pytest.mark.parametrize(("confidence", "degrees"), TABLE)
def test_is_what_the_table_says(confidence: float, degrees: int) -> None:
    assert two_sided_quantile(confidence, degrees) == pytest.approx(TABLE[confidence, degrees], abs=6e-4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30, 200, 201, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.999])
def test_the_density_between_is_the_confidence(confidence: float, degrees: int) -> None:
    bound = two_sided_quantile(confidence, degrees)
    x = np.linspace(-bound, bound, 400_001)
    constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    density = np.exp(constant - (degrees + 1) / 2 * np.log1p(x**2 / degrees))
    assert float(np.trapezoid(density, x)) == pytest.approx(confidence, abs=2e-6)
