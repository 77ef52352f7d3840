"""Makes stats.json: what SciPy (and for Holm's correction statsmodels) says of the statistics in harness/src/stats.

    python -m venv venv && venv/bin/pip install scipy statsmodels && venv/bin/python stats.py > stats.json
"""

import json
import math

import numpy
import scipy
from scipy import stats
from statsmodels.stats.multitest import multipletests

SAMPLES = {
    "five_close": [0.4474, 0.4441, 0.4512, 0.4398, 0.4486],
    "three": [0.5135, 0.5101, 0.5167],
    "two": [1.0, 2.0],
    "large_offset": [1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.4, 1e6 + 0.3],
    "ten_wide": [3.1, -2.7, 8.4, 0.0, 5.5, -9.9, 12.25, 1.5, 2.5, -0.125],
}
PAIRS = {
    "student_teacher": ([0.4474, 0.4441, 0.4512, 0.4398, 0.4486], [0.5135, 0.5101, 0.5167, 0.5090, 0.5144]),
    "mixed": ([1.0, 2.0, 3.0, 4.0], [1.5, 1.0, 3.5, 3.0]),
}
BOUNDS = {"student_teacher": -0.05, "mixed": 0.25}
P_VALUES = [[0.04, 0.01, 0.03, 0.02], [0.5], [0.001, 0.2, 0.2, 0.03, 0.9, 0.0004], [0.6, 0.7]]
# 120 differences as between two models on queries: most are 0, some ± 1, some between.
QUERIES = [round(x, 3) for x in numpy.random.default_rng(7).choice([0, 0, 0, 0, 1, -1, 0.5, 0.387], 120).tolist()]


def intervals(x, level):
    n, mean, sd = len(x), numpy.mean(x), numpy.std(x, ddof=1)
    low, high = stats.t.interval(level, n - 1, loc=mean, scale=stats.sem(x))
    # One more value differs from the mean of n with variance sd²·(1 + 1/n).
    p_low, p_high = stats.t.interval(level, n - 1, loc=mean, scale=sd * math.sqrt(1 + 1 / n))
    return {"mean": [low, high], "prediction": [p_low, p_high]}


def case(x):
    return {
        "values": x,
        "mean": numpy.mean(x),
        "sd": numpy.std(x, ddof=1),
        "at_0.95": intervals(x, 0.95),
        "at_0.99": intervals(x, 0.99),
    }


def pair(a, b):
    test = stats.ttest_rel(a, b)
    low, high = test.confidence_interval(0.95)
    welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    return {
        "a": a,
        "b": b,
        "mean": numpy.mean(numpy.subtract(a, b)),
        "interval_at_0.95": [low, high],
        "welch_at_0.95": [welch.low, welch.high],
    }


def one_sided(differences, bound):
    p = [stats.ttest_1samp(differences, bound, alternative=side).pvalue for side in ("greater", "less")]
    return {"differences": differences, "bound": bound, "above": p[0], "below": p[1]}


def bootstrapped(x):
    """Another generator than ours, so alike only within the noise of resampling."""
    found = stats.bootstrap((x,), numpy.mean, confidence_level=0.95, n_resamples=100_000, method="percentile", rng=1)
    return {"values": x, "interval_at_0.95": list(found.confidence_interval)}


print(json.dumps({
    "scipy": scipy.__version__,
    "samples": {name: case(x) for name, x in SAMPLES.items()},
    "pairs": {name: pair(a, b) for name, (a, b) in PAIRS.items()},
    "one_sided": [one_sided(numpy.subtract(*PAIRS[name]).tolist(), bound) for name, bound in BOUNDS.items()]
    + [one_sided(QUERIES, 0.0), one_sided(QUERIES, 0.3)],
    "holm": [{"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()} for p in P_VALUES],
    "bootstrap": [bootstrapped(QUERIES), bootstrapped(SAMPLES["ten_wide"])],
}, indent=1))
