"""Personas: groups of customers who buy alike, named by what sets them apart.

k-means on standardised behaviour, k by the silhouette. Names come from the features of a group
and not from its number or from an earlier build, and a group bears a name only when what the name
claims holds of its members: the same customers get the same names from
build to build, and a rebuild from nothing agrees with one that was updated daily.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagster_project.predict.inputs import Customers
from dagster_project.predict.likelihood import Array, NotFitted
from dagster_project.predict.tables import ModelRow

MINIMUM_CUSTOMERS = 50
FEWEST, MOST = 3, 7
FIT_SAMPLE = 50_000
SILHOUETTE_SAMPLE = 2_000
# A larger k has to be better by this much: silhouettes that close swap places from day to day.
CLEARLY_BETTER = 0.01
# Standard deviations from the average customer at which a trait is worth a word.
NOTABLE = 0.4
LONGEST_NAME = 3

# feature: words for less than the average customer, and for more
TRAITS: dict[str, tuple[str, str]] = {
    "days_since_last_order": ("bought recently", "have not bought lately"),
    "purchase_days": ("buy rarely", "buy often"),
    "average_order_value": ("small orders", "large orders"),
    "tenure_days": ("joined lately", "customers for long"),
    "gap_ratio": ("keep their rhythm", "later than usual"),
    "discount_share": ("pay the full price", "buy at a discount"),
    "weekend_share": ("buy on working days", "buy at weekends"),
    "category_count": ("few kinds of goods", "many kinds of goods"),
    "sales_channels": ("few sales channels", "several sales channels"),
    "call_count": ("seldom call", "call often"),
}
# A customer of one purchase bought all of it on one day of the week: a share counts as that many
# purchases of the average customer more.
SHARES = frozenset({"discount_share", "weekend_share"})
SHARE_WEIGHT = 3.0
LOGARITHMIC = frozenset(
    {
        "days_since_last_order",
        "purchase_days",
        "average_order_value",
        "tenure_days",
        "gap_ratio",
        "category_count",
        "sales_channels",
        "call_count",
    }
)
AVERAGE = "close to the average customer"
MIXED = ("mixed", "Mixed")
# Below this cosine a group does not resemble the archetype enough to bear its name.
RESEMBLES = 0.3

# key: (name, direction in standardised features). A group bears the name of the archetype that
# it resembles most: a nearest direction stays the same when a centre moves a little from one
# day to the next, a list of its strongest traits does not.
ARCHETYPES: dict[str, tuple[str, dict[str, float]]] = {
    "regulars": (
        "Regulars",
        {"purchase_days": 1.0, "days_since_last_order": -0.8, "gap_ratio": -0.6},
    ),
    "lapsed": ("Lapsed", {"days_since_last_order": 1.0, "gap_ratio": 1.0, "purchase_days": -0.4}),
    "newcomers": ("Newcomers", {"tenure_days": -1.0, "purchase_days": -0.6, "gap_ratio": -0.4}),
    "occasional": ("Occasional buyers", {"purchase_days": -1.0, "tenure_days": 0.6}),
    "big_baskets": ("Big baskets", {"average_order_value": 1.0}),
    "small_baskets": ("Small baskets", {"average_order_value": -1.0}),
    "bargain_hunters": ("Bargain hunters", {"discount_share": 1.0}),
    "weekend_shoppers": ("Weekend shoppers", {"weekend_share": 1.0}),
    "explorers": ("Explorers", {"category_count": 1.0, "sales_channels": 0.6}),
    "callers": ("Callers", {"call_count": 1.0}),
}

# What a name claims of its group: of its members (the first argument) beside all customers.
CLAIMS: dict[str, Callable[[Customers, NDArray[np.bool_]], bool]] = {
    "regulars": lambda c, g: _median(c, "purchase_days", g) >= 3 and _median(c, "gap_ratio", g) < 1,
    # Later than twice their own gap, and than most customers.
    "lapsed": lambda c, g: (
        _median(c, "gap_ratio", g) > 2
        and _median(c, "days_since_last_order", g) > _median(c, "days_since_last_order")
    ),
    # Young and not yet late for a second purchase.
    "newcomers": lambda c, g: (
        _median(c, "tenure_days", g) < _median(c, "tenure_days") and _median(c, "gap_ratio", g) <= 1
    ),
    "occasional": lambda c, g: _median(c, "purchase_days", g) <= 2,
    "big_baskets": lambda c, g: (
        _median(c, "average_order_value", g) >= 1.25 * _median(c, "average_order_value")
    ),
    "small_baskets": lambda c, g: (
        _median(c, "average_order_value", g) <= 0.8 * _median(c, "average_order_value")
    ),
    "bargain_hunters": lambda c, g: (
        float(c["discount_share"][g].mean()) >= 1.5 * float(c["discount_share"].mean())
    ),
    "weekend_shoppers": lambda c, g: float(c["weekend_share"][g].mean()) >= 0.5,
    "explorers": lambda c, g: _median(c, "category_count", g) > _median(c, "category_count"),
    "callers": lambda c, g: (
        _median(c, "call_count", g) >= 1
        and float(c["call_count"][g].mean()) >= 1.5 * float(c["call_count"].mean())
    ),
}


def _median(customers: Customers, feature: str, group: NDArray[np.bool_] | None = None) -> float:
    return float(np.median(customers[feature] if group is None else customers[feature][group]))


def true_names(customers: Customers, groups: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Whether each archetype's claim holds of each group; shape (groups, archetypes). Nothing is
    true of a group without members."""
    return np.array(
        [
            [
                bool((groups == g).any()) and CLAIMS[key](customers, groups == g)
                for key in ARCHETYPES
            ]
            for g in range(count)
        ]
    )


@dataclass
class Personas:
    """``persona`` (a key) and ``label`` (words) per customer; None: no persona."""

    persona: NDArray[np.object_]
    label: NDArray[np.object_]
    models: list[ModelRow] = field(default_factory=list)


def find_personas(customers: Customers, earlier: Customers | None = None) -> Personas:
    """Group and name every customer; says in ``models`` why there are no groups.

    ``earlier``: the customers of a month ago, grouped too, to tell how many keep their persona.
    """
    nobody = np.full(len(customers), None, dtype=object)
    try:
        now = _Grouping.find(customers)
    except NotFitted as error:
        return Personas(nobody, nobody, [ModelRow("personas", "fitted", 0, error.reason)])
    rows, names = now.rows, now.names
    if earlier is not None:
        rows += _kept(customers, now, earlier)
    keys = np.array([key for key, _ in names], dtype=object)
    labels = np.array([label for _, label in names], dtype=object)
    for group, (key, label) in enumerate(names):
        share = float((now.groups == group).mean())
        rows.append(ModelRow(f"personas.{key}", "share", share, label))
        for feature, value in zip(now.scale.names, now.centres[group], strict=True):
            rows.append(ModelRow(f"personas.{key}", feature, float(value), "standardised centre"))
    return Personas(keys[now.groups], labels[now.groups], rows)


def _kept(customers: Customers, now: "_Grouping", earlier: Customers) -> list[ModelRow]:
    """How many keep their persona from ``earlier`` on, of those who did not change: by the groups
    of then they are today in the one in which they were."""
    try:
        then = _Grouping.find(earlier, (len(now.names), len(now.names)))
    except NotFitted:
        return []
    place = {name: row for row, name in enumerate(earlier.customer_id)}
    known = np.array([place.get(name, -1) for name in customers.customer_id])
    here = known >= 0
    before = then.groups[known[here]]
    same = before == then.model.predict(then.scale.apply(customers)[here])
    if not same.any():
        return []
    keys = np.array([key for key, _ in then.names], dtype=object)[before[same]]
    today = np.array([key for key, _ in now.names], dtype=object)[now.groups[here][same]]
    days = (customers.as_of - earlier.as_of).days
    note = f"of {int(same.sum())} who did not change in {days} days by the groups of then"
    return [ModelRow("personas", "kept_share", float((keys == today).mean()), note)]


@dataclass(frozen=True)
class _Scale:
    """How features become comparable: log scale where skewed, 1st to 99th percentile, z-scores."""

    names: list[str]
    limits: list[tuple[float, float]]
    typical: list[float]
    means: Array
    spreads: Array

    @classmethod
    def learn(cls, customers: Customers) -> "_Scale":
        """From customers; features that do not vary among them are left out."""
        if len(customers) < MINIMUM_CUSTOMERS:
            raise NotFitted(
                f"{len(customers)} customers with a sale; at least {MINIMUM_CUSTOMERS} are needed"
            )
        names, limits, typical, means, spreads = [], [], [], [], []
        for name in TRAITS:
            low, high = np.quantile(_comparable(customers, name), [0.01, 0.99])
            column = np.clip(_comparable(customers, name), low, high)
            # The spread before shrinking: after it, a share of one purchase counts less.
            spread = float(column.std())
            if spread <= 1e-9:
                continue
            weights = customers["purchase_days"]
            share = float(column @ weights / weights.sum())
            if name in SHARES:
                column = _shrunk(column, weights, share)
            names.append(name)
            limits.append((float(low), float(high)))
            typical.append(share)
            means.append(float(column.mean()))
            spreads.append(spread)
        if not names:
            raise NotFitted("all customers behave alike")
        return cls(names, limits, typical, np.array(means), np.array(spreads))

    def apply(self, customers: Customers) -> Array:
        """Shape (customers, features)."""
        columns = []
        for name, limits, typical in zip(self.names, self.limits, self.typical, strict=True):
            column = np.clip(_comparable(customers, name), *limits)
            if name in SHARES:
                column = _shrunk(column, customers["purchase_days"], typical)
            columns.append(column)
        return (np.column_stack(columns) - self.means) / self.spreads


def _comparable(customers: Customers, name: str) -> Array:
    return np.log1p(np.maximum(customers[name], 0)) if name in LOGARITHMIC else customers[name]


def _shrunk(share: Array, purchase_days: Array, typical: float) -> Array:
    return (share * purchase_days + SHARE_WEIGHT * typical) / (purchase_days + SHARE_WEIGHT)


@dataclass(frozen=True)
class _Grouping:
    """Customers of one day in groups with names; ``model`` puts others into the same groups."""

    scale: _Scale
    model: Any
    groups: NDArray[np.int64]
    centres: Array
    names: list[tuple[str, str]]
    rows: list[ModelRow]

    @classmethod
    def find(cls, customers: Customers, numbers: tuple[int, int] = (FEWEST, MOST)) -> "_Grouping":
        """``numbers``: the fewest and the most groups that are tried."""
        scale = _Scale.learn(customers)
        scaled = scale.apply(customers)
        model, rows = _cluster(scaled, *numbers)
        groups = model.predict(scaled).astype(np.int64)
        count = model.n_clusters
        centres = np.array(
            [
                scaled[groups == g].mean(axis=0)
                if (groups == g).any()
                else model.cluster_centers_[g]
                for g in range(count)
            ]
        )
        names = name_groups(scale.names, centres, true_names(customers, groups, count))
        return cls(scale, model, groups, centres, names, rows)


def _cluster(scaled: Array, fewest: int, most: int) -> tuple[Any, list[ModelRow]]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    sample = scaled[:: -(-len(scaled) // FIT_SAMPLE)]
    judged = sample[:: -(-len(sample) // SILHOUETTE_SAMPLE)]
    distinct = len(np.unique(judged, axis=0))
    if distinct <= fewest:
        raise NotFitted(f"only {distinct} different behaviours; more than {fewest} are needed")
    rows: list[ModelRow] = []
    best, best_score = None, -1.0
    for k in range(fewest, min(most, distinct - 1) + 1):
        model = KMeans(n_clusters=k, n_init=4, random_state=0, algorithm="lloyd").fit(sample)
        found = model.predict(judged)
        if len(np.unique(found)) < 2:
            continue
        score = float(silhouette_score(judged, found))
        rows.append(ModelRow("personas", f"silhouette_k{k}", score))
        if score > best_score + CLEARLY_BETTER:
            best, best_score = model, score
    if best is None:
        raise NotFitted("no grouping sets customers apart")
    others = [row.value for row in rows if row.value is not None and row.value != best_score]
    margin = best_score - max(others) if others else None
    rows[:0] = [
        ModelRow("personas", "fitted", 1),
        ModelRow("personas", "k", best.n_clusters, "the clearly best silhouette"),
        ModelRow("personas", "silhouette", best_score, "-1 to 1; on a sample"),
        ModelRow("personas", "silhouette_margin", margin, "over the best other k"),
    ]
    return best, rows


def name_groups(
    features: list[str], centres: Array, allowed: NDArray[np.bool_] | None = None
) -> list[tuple[str, str]]:
    """A distinct (key, label) for each group.

    ``centres`` has shape (groups, features) in standard deviations from the average customer.
    Groups and archetypes are matched for the largest sum of cosines, where ``allowed`` (groups,
    archetypes) says that the name would be true; a group that resembles none is "mixed". The label
    adds up to three traits of at least NOTABLE standard deviations.
    """
    from scipy.optimize import linear_sum_assignment

    directions = np.array(
        [[direction.get(f, 0.0) for f in features] for _, direction in ARCHETYPES.values()]
    )
    cosines = _unit(centres) @ _unit(directions).T
    if allowed is not None:
        cosines = np.where(allowed, cosines, -1.0)
    matched = dict(zip(*linear_sum_assignment(-np.maximum(cosines, 0)), strict=True))
    keys = list(ARCHETYPES)
    names = []
    for group, centre in enumerate(centres):
        key, name = MIXED
        archetype = matched.get(group)
        if archetype is not None and cosines[group, archetype] >= RESEMBLES:
            key = keys[archetype]
            name = ARCHETYPES[key][0]
        names.append((key, f"{name}: {_traits(features, centre)}"))
    return _numbered(names, centres)


def _unit(rows: Array) -> Array:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _traits(features: list[str], centre: Array) -> str:
    strongest = np.argsort(-np.abs(centre), kind="stable")[:LONGEST_NAME]
    chosen = [i for i in sorted(strongest) if abs(centre[i]) >= NOTABLE]
    return ", ".join(TRAITS[features[i]][int(centre[i] > 0)] for i in chosen) or AVERAGE


def _numbered(names: list[tuple[str, str]], centres: Array) -> list[tuple[str, str]]:
    """Several mixed groups are numbered from the one farthest from the average customer."""
    mixed = [i for i, (key, _) in enumerate(names) if key == MIXED[0]]
    if len(mixed) < 2:
        return names
    ranked = sorted(mixed, key=lambda i: (-float((centres[i] ** 2).sum()), tuple(centres[i])))
    result = list(names)
    for rank, i in enumerate(ranked, start=1):
        result[i] = (f"{MIXED[0]}_{rank}", names[i][1])
    return result
