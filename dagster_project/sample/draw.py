"""Random draws that come out equal on every machine.

Numpy's bit stream and the basic operations (+ - * / sqrt) are exactly specified; ``log`` and
``exp`` are not: their last digit depends on the C library and on the processor's vector unit. So
everything here is built from uniform draws, basic operations and integer tables. The two places
that need numpy's own gamma draws round them to nine decimals before anything else happens.
"""

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

LN2 = 0.6931471805599453
DAY = 86_400

# Share of a day's activity per hour, in UTC; two peaks, at lunch and in the evening.
HOUR_WEIGHTS = (
    3,
    2,
    1,
    1,
    1,
    2,
    4,
    8,
    14,
    20,
    24,
    27,
    29,
    27,
    25,
    25,
    27,
    31,
    36,
    38,
    34,
    26,
    15,
    7,
)


def generator(seed: int, chunk: int, stream: str) -> Generator:
    """An independent stream of random numbers per seed, chunk of people and subject.

    Each subject has its own stream, so that a change in one leaves the others as they were.
    """
    words = [int.from_bytes(stream.encode()[at : at + 4], "little") for at in range(0, 16, 4)]
    return Generator(PCG64(SeedSequence([seed, chunk, *words])))


def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm of positive numbers from basic operations, to about 1e-15.

    x = m * 2**e with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh((m - 1) / (m + 1)) as a series.
    """
    mantissa, exponent = np.frexp(x)
    low = mantissa < 0.7071067811865476
    mantissa = np.where(low, mantissa * 2, mantissa)
    exponent = exponent - low
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    series = np.zeros_like(s)
    for power in range(21, 0, -2):
        series = series * square + 1 / power
    return 2 * s * series + exponent * LN2


def exponential(rng: Generator, size: int) -> np.ndarray:
    """Standard exponential draws, shape (size,)."""
    return -log(1.0 - rng.random(size))


def bell(rng: Generator, size: int) -> np.ndarray:
    """Nearly normal draws with mean 0 and variance 1: the sum of four uniform ones, scaled."""
    return (rng.random((size, 4)).sum(axis=1) - 2.0) * 1.7320508075688772


def gamma(rng: Generator, shape: float, scale: float, size: int) -> np.ndarray:
    """Gamma draws rounded to nine decimals (mean = shape * scale), never below 1e-6."""
    return np.maximum(np.round(rng.standard_gamma(shape, size) * scale, 9), 1e-6)


def cumulative(weights: object) -> np.ndarray:
    """Integer running totals of integer weights; the form that ``weighted`` wants."""
    return np.cumsum(np.asarray(weights, dtype=np.int64))


def weighted(rng: Generator, totals: np.ndarray, size: int) -> np.ndarray:
    """Indices drawn in proportion to the weights whose running totals are given."""
    return np.searchsorted(totals, rng.integers(0, totals[-1], size), side="right")


def zipf_totals(count: int) -> np.ndarray:
    """Running totals of weights that fall like 1 / (rank + 8): a few common names, many rare."""
    return cumulative(100_000 // (np.arange(count) + 8))


_HOURS = cumulative(HOUR_WEIGHTS)


def time_of_day(rng: Generator, size: int) -> np.ndarray:
    """Seconds since midnight UTC by the hours' weights, int64."""
    return weighted(rng, _HOURS, size) * 3600 + rng.integers(0, 3600, size)


def office_time(rng: Generator, size: int) -> np.ndarray:
    """Seconds since midnight between 08:00 and 19:59 UTC, int64."""
    return rng.integers(8 * 3600, 20 * 3600, size)


def chance(rng: Generator, size: int, rate: float | np.ndarray) -> np.ndarray:
    """Booleans that are true with the given probability."""
    return rng.random(size) < rate
