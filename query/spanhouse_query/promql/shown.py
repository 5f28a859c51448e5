"""Numbers and labels as Prometheus writes them."""

from __future__ import annotations

import math

import numpy as np

from spanhouse_query.series import NAME, Labels, identity


def shown_number(value: float, *, plain: bool = False) -> str:
    """The shortest text that reads back as the same number, with NaN, +Inf and -Inf.

    plain: never with an exponent; else with one below 1e-6 and from 1e21 on.
    """
    if math.isfinite(value):
        text = repr(value)
        if text.endswith(".0"):
            return text[:-2]
        if "e" in text and (plain or 1e-6 <= abs(value) < 1e21):
            return np.format_float_positional(value, trim="-")
        return text
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def shown_labels(labels: Labels) -> str:
    """`{a="x", b="y"}` in order, with the metric's name before it."""
    pairs = ", ".join(f'{name}="{value}"' for name, value in identity(labels) if name != NAME)
    return f"{labels.get(NAME, '')}{{{pairs}}}"
