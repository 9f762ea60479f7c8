"""Purchase frequency: BG/NBD and MBG/NBD fitted to the same histories, and the likelier of them.

One-time buyers decide: under BG/NBD none of them has left, under MBG/NBD most may have.
"""

from dataclasses import dataclass

import numpy as np

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array, Fit, NotFitted
from dagster_project.predict.tables import ModelRow
from dagster_project.predict.value import bgnbd
from dagster_project.predict.value.season import Season

# Log-likelihood of a difference that is rounding: with nobody leaving the two are one model.
SAME = 1e-3


@dataclass(frozen=True)
class Frequency:
    """A fitted model of how often customers buy: ``name`` is bg_nbd or mbg_nbd.

    Its time runs on the clock of ``season``: in a busy month more of it passes than in a quiet one.
    """

    name: str
    fit: Fit
    season: Season

    @property
    def leaves_at_first(self) -> bool:
        return self.name == "mbg_nbd"

    def expected(self, customers: Customers, days: float) -> Array:
        """Purchases expected in the next ``days``, per customer."""
        return bgnbd.expected_purchases(
            self.fit,
            *history(customers, self.season),
            self.season.between(customers.as_of, np.array([0.0, days]))[1],
            leaves_at_first=self.leaves_at_first,
        )

    def alive(self, customers: Customers) -> Array:
        """P(still a customer) per customer."""
        return bgnbd.probability_alive(
            self.fit, *history(customers, self.season), leaves_at_first=self.leaves_at_first
        )


def history(customers: Customers, season: Season) -> tuple[Array, Array, Array]:
    """Frequency, recency and age: days with a purchase after the first, and days of the clock."""
    age = -season.between(customers.as_of, -customers["age"])
    since_last = -season.between(customers.as_of, -customers["days_since_last_order"])
    return customers["frequency"], age - since_last, age


def fit_frequency(
    customers: Customers, models: list[ModelRow] | None = None, season: Season | None = None
) -> Frequency | None:
    """The likelier of the two models (as many parameters each); None, with a reason, if neither.

    ``models`` receives both fits as published rows.
    """
    season = season or Season.none(customers.as_of)
    rows: list[ModelRow] = []
    found: list[Frequency] = []
    data = bgnbd.histories(*history(customers, season))
    for name in ("bg_nbd", "mbg_nbd"):
        try:
            fit = bgnbd.fit(data, leaves_at_first=name == "mbg_nbd")
        except NotFitted as error:
            rows.append(ModelRow(name, "fitted", 0, error.reason))
            continue
        rows += fit_rows(name, fit, "days with a purchase, time in days")
        found.append(Frequency(name, fit, season))
    best = None
    for frequency in found:
        if best is None or frequency.fit.log_likelihood > best.fit.log_likelihood + SAME:
            best = frequency
    if best is not None:
        rows.append(
            ModelRow("purchase_frequency", "chosen", None, f"{best.name}: the likelier of the two")
        )
    if models is not None:
        models += rows
    return best


def fit_rows(model: str, fit: Fit, note: str) -> list[ModelRow]:
    """A fit as published rows: parameters, standard errors, log-likelihood, size, bounds."""
    rows = [ModelRow(model, "fitted", 1, fit.note or note)]
    for name, value in fit.parameters.items():
        rows.append(ModelRow(model, name, value))
        rows.append(ModelRow(model, f"{name}_standard_error", fit.standard_errors[name], fit.note))
    rows.append(ModelRow(model, "log_likelihood", fit.log_likelihood))
    rows.append(ModelRow(model, "customers", fit.observations))
    rows.append(
        ModelRow(model, "on_bound", float(fit.is_on_bound), fit.note if fit.is_on_bound else "")
    )
    return rows
