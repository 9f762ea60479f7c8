"""Personas: groups of customers who buy alike, named by what sets them apart.

k-means on standardised behaviour, k by the silhouette. Names come from the features of a group
and not from its number or from an earlier build, and a group bears a name only when what the name
claims holds of its members: the same customers get the same names from
build to build, and a rebuild from nothing agrees with one that was updated daily.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

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
}
# A customer of one purchase bought all of it on one day of the week: a share counts as that many
# purchases of the average customer more.
SHARES = frozenset({"discount_share", "weekend_share"})
SHARE_WEIGHT = 3.0
LOGARITHMIC = frozenset(
    {"days_since_last_order", "purchase_days", "average_order_value", "tenure_days", "gap_ratio"}
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
}


def _median(customers: Customers, feature: str, group: NDArray[np.bool_] | None = None) -> float:
    return float(np.median(customers[feature] if group is None else customers[feature][group]))


def true_names(customers: Customers, groups: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each archetype's claim holds of each group; shape (groups, archetypes)."""
    return np.array(
        [
            [CLAIMS[key](customers, groups == group) for key in ARCHETYPES]
            for group in range(groups.max() + 1)
        ]
    )


@dataclass
class Personas:
    """``persona`` (a key) and ``label`` (words) per customer; None: no persona."""

    persona: NDArray[np.object_]
    label: NDArray[np.object_]
    models: list[ModelRow] = field(default_factory=list)


def find_personas(customers: Customers) -> Personas:
    """Group and name every customer; says in ``models`` why there are no groups."""
    nobody = np.full(len(customers), None, dtype=object)
    try:
        features, scaled = _standardised(customers)
        groups, rows = _cluster(scaled)
    except NotFitted as error:
        return Personas(nobody, nobody, [ModelRow("personas", "fitted", 0, error.reason)])
    centres = np.array([scaled[groups == g].mean(axis=0) for g in range(groups.max() + 1)])
    names = name_groups(features, centres, true_names(customers, groups))
    keys = np.array([key for key, _ in names], dtype=object)
    labels = np.array([label for _, label in names], dtype=object)
    for group, (key, label) in enumerate(names):
        share = float((groups == group).mean())
        rows.append(ModelRow(f"personas.{key}", "share", share, label))
        for feature, value in zip(features, centres[group], strict=True):
            rows.append(ModelRow(f"personas.{key}", feature, float(value), "standardised centre"))
    return Personas(keys[groups], labels[groups], rows)


def _standardised(customers: Customers) -> tuple[list[str], Array]:
    """Names and columns that vary: log scale where skewed, 1st to 99th percentile, z-scores."""
    if len(customers) < MINIMUM_CUSTOMERS:
        raise NotFitted(
            f"{len(customers)} customers with a sale; at least {MINIMUM_CUSTOMERS} are needed"
        )
    names, columns = [], []
    for name in TRAITS:
        column = customers[name]
        if name in LOGARITHMIC:
            column = np.log1p(np.maximum(column, 0))
        column = np.clip(column, *np.quantile(column, [0.01, 0.99]))
        # The spread before the shrinking: after it, a share known from one purchase counts less.
        spread = column.std()
        if spread <= 1e-9:
            continue
        if name in SHARES:
            column = _shrunk(column, customers["purchase_days"])
        names.append(name)
        columns.append((column - column.mean()) / spread)
    if not columns:
        raise NotFitted("all customers behave alike")
    return names, np.column_stack(columns)


def _shrunk(share: Array, purchase_days: Array) -> Array:
    typical = float(share @ purchase_days / purchase_days.sum())
    return (share * purchase_days + SHARE_WEIGHT * typical) / (purchase_days + SHARE_WEIGHT)


def _cluster(scaled: Array) -> tuple[NDArray[np.int64], list[ModelRow]]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    sample = scaled[:: -(-len(scaled) // FIT_SAMPLE)]
    judged = sample[:: -(-len(sample) // SILHOUETTE_SAMPLE)]
    distinct = len(np.unique(judged, axis=0))
    if distinct <= FEWEST:
        raise NotFitted(f"only {distinct} different behaviours; more than {FEWEST} are needed")
    rows: list[ModelRow] = []
    best, best_score = None, -1.0
    for k in range(FEWEST, min(MOST, distinct - 1) + 1):
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
    groups = best.predict(scaled)
    present, groups = np.unique(groups, return_inverse=True)
    rows.insert(0, ModelRow("personas", "fitted", 1))
    rows.insert(1, ModelRow("personas", "k", len(present), "the clearly best silhouette"))
    rows.insert(2, ModelRow("personas", "silhouette", best_score, "-1 to 1; on a sample"))
    others = [row.value for row in rows[3:] if row.value is not None and row.value != best_score]
    margin = best_score - max(others) if others else None
    rows.insert(3, ModelRow("personas", "silhouette_margin", margin, "over the best other k"))
    return groups.astype(np.int64), rows


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
