"""Maximum likelihood for models whose parameters are all positive.

The search runs over logarithms, so that no step leaves the parameter space, with the analytic
gradient; standard errors come from the analytic Hessian in the original parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Beyond these a parameter has run away: the data say "as large (small) as you like".
SMALLEST, LARGEST = 1e-4, 1e4
GRADIENT_TOLERANCE = 1e-5


class NotFitted(Exception):  # noqa: N818 - an outcome with a reason, not a fault
    """A model could not be fitted; ``reason`` is a sentence for the reader of the build."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Fit:
    """Estimates of one model.

    ``standard_errors`` holds None for all parameters when the likelihood has no interior
    maximum; ``note`` then names the parameter that ran to its bound.
    """

    parameters: dict[str, float]
    standard_errors: dict[str, float | None]
    log_likelihood: float
    observations: int
    evaluations: int
    note: str = ""
    is_on_bound: bool = False


def maximise(
    names: tuple[str, ...],
    mean_log_likelihood: Callable[[Array], tuple[float, Array]],
    mean_hessian: Callable[[Array], Array],
    start: Array,
    scale: Array,
    observations: int,
) -> Fit:
    """Maximise a log-likelihood over positive parameters.

    ``mean_log_likelihood(theta)`` gives value and gradient per observation, ``mean_hessian`` the
    matrix of second derivatives per observation, both in the original parameters. ``scale`` is
    the unit of each parameter (a rate in weeks and one in days differ by 7): the bounds are
    relative to it. Raises NotFitted when the search does not converge.
    """
    from scipy.optimize import minimize

    def objective(log_theta: Array) -> tuple[float, Array]:
        theta = np.exp(log_theta) * scale
        value, gradient = mean_log_likelihood(theta)
        return -value, -gradient * theta

    evaluations = 0
    best = None
    for factor in (1.0, 0.2, 5.0):
        found = minimize(
            objective,
            np.log(start / scale * factor),
            jac=True,
            method="L-BFGS-B",
            bounds=[(np.log(SMALLEST), np.log(LARGEST))] * len(names),
            options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500, "maxls": 50},
        )
        evaluations += int(found.nfev)
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun):
            best = found
        if best is not None and _stationary(best.x, best.jac):
            break
    if best is None or not _stationary(best.x, best.jac):
        raise NotFitted("the likelihood search did not converge on these data")
    theta = np.exp(best.x) * scale
    at_bound = [
        name
        for name, value in zip(names, best.x, strict=True)
        if value <= np.log(SMALLEST) + 1e-6 or value >= np.log(LARGEST) - 1e-6
    ]
    errors = None if at_bound else _standard_errors(mean_hessian(theta), observations)
    note = ""
    if at_bound:
        note = (
            f"{', '.join(at_bound)} ran to the bound of the search: these data do not identify "
            "it, and no standard errors are given"
        )
    elif errors is None:
        note = "the likelihood is flat around its maximum: no standard errors are given"
    return Fit(
        parameters={name: float(v) for name, v in zip(names, theta, strict=True)},
        standard_errors={
            name: None if errors is None else float(errors[i]) for i, name in enumerate(names)
        },
        log_likelihood=-float(best.fun) * observations,
        observations=observations,
        evaluations=evaluations,
        note=note,
        is_on_bound=bool(at_bound),
    )


def _stationary(log_theta: Array, gradient: Array) -> bool:
    """Whether the gradient vanishes, or points out of the box where a bound holds it."""
    lower = (log_theta <= np.log(SMALLEST) + 1e-6) & (gradient > 0)
    upper = (log_theta >= np.log(LARGEST) - 1e-6) & (gradient < 0)
    free = ~(lower | upper)
    return bool(np.all(np.abs(gradient[free]) < GRADIENT_TOLERANCE))


def _standard_errors(hessian: Array, observations: int) -> Array | None:
    """Square roots of the diagonal of the inverse of the observed information, or None."""
    information = -hessian * observations
    # Equilibrated first: parameters in different units make the raw matrix look singular.
    diagonal = np.sqrt(np.abs(np.diag(information)))
    if not np.all(np.isfinite(diagonal)) or np.any(diagonal == 0):
        return None
    balanced = information / np.outer(diagonal, diagonal)
    if np.linalg.eigvalsh(balanced)[0] <= 1e-10:
        return None
    return np.sqrt(np.diag(np.linalg.inv(balanced))) / diagonal
