"""BG/NBD and MBG/NBD: how often a customer buys, and whether the customer still does.

Fader, Hardie and Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2). Purchases of a live customer are Poisson with a rate
from Gamma(r, alpha); after each repeat purchase a customer leaves with a probability from
Beta(a, b). In MBG/NBD (Batislam, Denizel and Filiztekin 2007, Empirical validation and comparison
of models for customer base analysis, International Journal of Research in Marketing 24(3)) one may
leave after the first purchase too: ``leaves_at_first``. It is BG/NBD with one more chance to leave.

A history is (frequency x, recency t_x, age T), in days here: x = days with a sale after the day
of the first sale (several sales on one day count once), t_x = days from the first to the last
sale, T = days from the first sale to ``as_of``. Any other unit of time works as well.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.likelihood import Array, Fit, NotFitted, maximise

NAMES = ("r", "alpha", "a", "b")
MINIMUM_CUSTOMERS = 30
MINIMUM_REPEAT_CUSTOMERS = 10
NODES = 40
# Histories at a time when expectations are computed: 13 MB a matrix.
CHUNK = 40_000


@dataclass(frozen=True)
class Histories:
    """Distinct histories: ``frequency``, ``recency``, ``age`` and how many customers share each.

    All four are float arrays of one length.
    """

    frequency: Array
    recency: Array
    age: Array
    customers: Array


def histories(frequency: Array, recency: Array, age: Array) -> Histories:
    """Sufficient statistics: equal histories counted once.

    A million customers of two years have about 300,000 distinct histories; the half that bought
    once has at most one per day of age.
    """
    order = np.lexsort((age, recency, frequency))
    x, t, age_sorted = (np.asarray(v, dtype=np.float64)[order] for v in (frequency, recency, age))
    if not len(x):
        return Histories(x, t, age_sorted, np.zeros(0))
    new = np.r_[True, (np.diff(x) != 0) | (np.diff(t) != 0) | (np.diff(age_sorted) != 0)]
    first = np.flatnonzero(new)
    counts = np.diff(np.r_[first, len(x)]).astype(np.float64)
    return Histories(x[first], t[first], age_sorted[first], counts)


class _Levels:
    """A column as its distinct values and the place of each row among them.

    Days and counts have few distinct values: a logarithm of each and a look-up per row cost a
    fifth of a logarithm per row.
    """

    def __init__(self, column: Array, customers: Array) -> None:
        self.values, self.index = np.unique(column, return_inverse=True)
        self.customers = np.bincount(self.index, weights=customers, minlength=len(self.values))

    def spread(self, per_value: Array) -> Array:
        return per_value.take(self.index)


class _Likelihood:
    """Log-likelihood (equation 6 of the paper, in the form of its appendix), and derivatives.

    With A3 = -(r+x) ln(alpha+T) and A4 = ln a - ln(b+x-1) - (r+x) ln(alpha+t_x) the likelihood
    of a history is A1 + A2 + A3 + [x>0] ln(1 + exp(A4-A3)). A1 and A2 depend on x alone, and A3
    is linear in x: both are sums over distinct values. Only the last term needs every history.
    """

    def __init__(self, data: Histories, *, leaves_at_first: bool = False) -> None:
        self.total = float(data.customers.sum())
        # How many more chances to leave a customer had than repeat purchases.
        self.more = float(leaves_at_first)
        everybody = _Levels(data.frequency, data.customers)
        self.x, self.per_x = everybody.values, everybody.customers
        ages = _Levels(data.age, data.customers)
        self.age, self.per_age = ages.values, ages.customers
        self.purchases_per_age = np.bincount(
            ages.index, weights=data.customers * data.frequency, minlength=len(self.age)
        )
        repeat = data.frequency + self.more > 0
        self.n_repeat = data.customers[repeat]
        self.x_repeat = data.frequency[repeat]
        self.by_x = _Levels(self.x_repeat, self.n_repeat)
        self.by_recency = _Levels(data.recency[repeat], self.n_repeat)
        self.by_age = _Levels(data.age[repeat], self.n_repeat)

    def value_and_gradient(self, theta: Array) -> tuple[float, Array]:
        from scipy.special import gammaln, psi

        r, alpha, a, b = theta
        x, n = self.x, self.per_x
        purchases = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        chances = x + self.more
        dropout = gammaln(a + b) + gammaln(b + chances) - gammaln(b) - gammaln(a + b + chances)
        log_age, weight = np.log(alpha + self.age), r * self.per_age + self.purchases_per_age

        log_ratio = self.by_recency.spread(np.log(alpha + self.by_recency.values))
        log_ratio -= self.by_age.spread(np.log(alpha + self.by_age.values))
        rest = self.x_repeat + r
        d = rest * log_ratio
        before = b + self.by_x.values + self.more - 1
        np.subtract(self.by_x.spread(np.log(a / before)), d, out=d)
        # ln(1 + exp(d)) and its derivative from one exponential that cannot overflow.
        small = np.exp(-np.abs(d))
        softplus = np.maximum(d, 0) + np.log1p(small)
        w = self.n_repeat * np.where(d >= 0, 1.0, small) / (1 + small)
        value = n @ (purchases + dropout) - weight @ log_age + self.n_repeat @ softplus

        w_rest = w * rest
        by_recency = np.bincount(self.by_recency.index, weights=w_rest)
        by_age = np.bincount(self.by_age.index, weights=w_rest)
        by_x = np.bincount(self.by_x.index, weights=w)
        shared = n @ (psi(a + b) - psi(a + b + chances))
        gradient = np.array(
            [
                n @ (psi(r + x) - psi(r) + np.log(alpha)) - self.per_age @ log_age - w @ log_ratio,
                self.total * r / alpha
                - weight @ (1 / (alpha + self.age))
                - by_recency @ (1 / (alpha + self.by_recency.values))
                + by_age @ (1 / (alpha + self.by_age.values)),
                shared + w.sum() / a,
                shared + n @ (psi(b + chances) - psi(b)) - by_x @ (1 / before),
            ]
        )
        return float(value) / self.total, gradient / self.total

    def hessian(self, theta: Array) -> Array:
        from scipy.special import expit, polygamma

        r, alpha, a, b = theta
        x, n = self.x, self.per_x
        weight = r * self.per_age + self.purchases_per_age
        h = np.zeros((4, 4))
        h[0, 0] = n @ (polygamma(1, r + x) - polygamma(1, r))
        h[0, 1] = self.total / alpha - self.per_age @ (1 / (alpha + self.age))
        h[1, 1] = -self.total * r / alpha**2 + weight @ (1 / (alpha + self.age) ** 2)
        chances = x + self.more
        shared = n @ (polygamma(1, a + b) - polygamma(1, a + b + chances))
        h[2, 2] = h[2, 3] = shared
        h[3, 3] = shared + n @ (polygamma(1, b + chances) - polygamma(1, b))

        rest = self.x_repeat + r
        left = self.by_recency.spread(1 / (alpha + self.by_recency.values))
        right = self.by_age.spread(1 / (alpha + self.by_age.values))
        log_ratio = np.log(right / left)
        edge = 1 / (b + self.x_repeat + self.more - 1)
        d = np.log(a) + np.log(edge) - rest * log_ratio
        share = expit(d)
        w = self.n_repeat * share
        first = np.stack(
            [-log_ratio, -rest * (left - right), np.full_like(rest, 1 / a), -edge], axis=1
        )
        curvature = self.n_repeat * share * (1 - share)
        h[0, 1] -= w @ (left - right)
        h[1, 1] += w @ (rest * (left**2 - right**2))
        h[2, 2] -= w.sum() / a**2
        h[3, 3] += w @ edge**2
        upper = np.triu(h)
        symmetric = upper + np.triu(upper, 1).T
        return (symmetric + first.T @ (first * curvature[:, None])) / self.total


def fit(data: Histories, *, leaves_at_first: bool = False) -> Fit:
    """Maximum-likelihood parameters r, alpha (unit of time), a, b with standard errors.

    BG/NBD; MBG/NBD with ``leaves_at_first``.

    Raises NotFitted, with the reason, when there is too little to learn from.
    """
    customers = data.customers.sum()
    repeat = data.customers[data.frequency > 0].sum()
    if customers < MINIMUM_CUSTOMERS:
        raise NotFitted(
            f"{customers:.0f} customers with a sale; at least {MINIMUM_CUSTOMERS} are needed"
        )
    if repeat < MINIMUM_REPEAT_CUSTOMERS:
        raise NotFitted(
            f"{repeat:.0f} customers bought on a second day; at least "
            f"{MINIMUM_REPEAT_CUSTOMERS} are needed"
        )
    likelihood = _Likelihood(data, leaves_at_first=leaves_at_first)
    unit = float(data.age @ data.customers / customers)
    return maximise(
        NAMES,
        likelihood.value_and_gradient,
        likelihood.hessian,
        start=np.array([0.5, 0.5 * unit, 1.0, 2.0]),
        scale=np.array([1.0, unit, 1.0, 1.0]),
        observations=round(customers),
    )


def probability_alive(
    fit: Fit, frequency: Array, recency: Array, age: Array, *, leaves_at_first: bool = False
) -> Array:
    """P(alive at T | x, t_x, T): Fader, Hardie and Lee (2008), Computing P(alive) Using BG/NBD.

    Under BG/NBD 1 for customers who bought once, who had no chance to leave.
    """
    from scipy.special import expit

    r, alpha, a, b = (fit.parameters[name] for name in NAMES)
    chances = frequency + float(leaves_at_first)
    odds = (
        np.log(a)
        - np.log(b + np.maximum(chances, 1) - 1)
        - (r + frequency) * np.log((alpha + recency) / (alpha + age))
    )
    return np.where(chances > 0, expit(-odds), 1.0)


def expected_purchases(
    fit: Fit,
    frequency: Array,
    recency: Array,
    age: Array,
    period: float | Array,
    *,
    leaves_at_first: bool = False,
) -> Array:
    """E[purchases in (T, T+period] | x, t_x, T]: equation 10 of the paper.

    ``period`` is one number, or one per history. The paper's difference of a power and a 2F1
    loses all digits where a is near 1 and overflows for frequent buyers and for large a and b. The
    2F1 stands for an integral: given that the customer is alive, the drop-out probability p is
    Beta(a, b + chances to leave so far), the rate Gamma(r+x, alpha+T), and purchases average
    (1 - (1 + p period/(alpha+T))^-(r+x)) / p. That is bounded and smooth in p, and Gauss-Jacobi
    quadrature gives it to 7 digits or more.
    """
    r, alpha, a, b = (fit.parameters[name] for name in NAMES)
    # The integral depends on frequency and period / (alpha + age) alone.
    pairs, index = np.unique(frequency + 1j * (period / (alpha + age)), return_inverse=True)
    counts, place = np.unique(pairs.real, return_inverse=True)
    nodes, weights = beta_quadrature(a, b + counts + float(leaves_at_first))
    integral = np.empty(len(pairs))
    for start in range(0, len(pairs), CHUNK):
        part = slice(start, start + CHUNK)
        p = nodes[place[part]]
        power = -(r + pairs.real[part])[:, None] * np.log1p(p * pairs.imag[part][:, None])
        integral[part] = (-np.expm1(power) / p * weights[place[part]]).sum(axis=1)
    alive = probability_alive(fit, frequency, recency, age, leaves_at_first=leaves_at_first)
    return integral[index] * alive


def beta_quadrature(a: float, b: Array) -> tuple[Array, Array]:
    """Nodes and weights that integrate against Beta(a, b); each of shape (len(b), NODES).

    Golub and Welsch (1969), Calculation of Gauss Quadrature Rules, from the recurrence of the
    Jacobi polynomials moved to [0, 1]; no gamma function, so nothing overflows.
    """
    k = np.arange(1.0, NODES)
    alpha, beta = b[:, None] - 1, a - 1
    total = alpha + beta
    diagonal = np.empty((len(b), NODES))
    diagonal[:, :1] = (beta - alpha) / (total + 2)
    diagonal[:, 1:] = (beta**2 - alpha**2) / ((2 * k + total) * (2 * k + total + 2))
    squared = np.empty((len(b), NODES - 1))
    squared[:, :1] = 4 * (1 + alpha) * (1 + beta) / ((2 + total) ** 2 * (3 + total))
    j = k[1:]
    squared[:, 1:] = 4 * j * (j + alpha) * (j + beta) * (j + total)
    squared[:, 1:] /= (2 * j + total) ** 2 * (2 * j + total + 1) * (2 * j + total - 1)
    matrix = np.zeros((len(b), NODES, NODES))
    i = np.arange(NODES)
    matrix[:, i, i] = diagonal
    matrix[:, i[1:], i[:-1]] = np.sqrt(squared)
    values, vectors = np.linalg.eigh(matrix)
    return np.clip((1 + values) / 2, 1e-300, 1.0), vectors[:, 0, :] ** 2
