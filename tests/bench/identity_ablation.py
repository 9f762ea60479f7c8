"""Ablation: each rule of identity switched off alone, and what becomes of every set without it.

``python -m tests.bench.identity_ablation [parts]`` writes ``docs/identity_ablation.md``, with
``parts`` also each weight of the model and each proven rule. A switch is derived from where the
rules stand (the named contradictions, the model's comparisons, the proven rules), so that a rule
that is added is switched too, or names the constant or function that it takes away.
"""

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pandas as pd

from dagster_project.identity.clustering import clusters
from dagster_project.identity.incremental import affected_records, linking
from dagster_project.identity.matching import deterministic, field_errors, probabilistic
from dagster_project.identity.records import identifiers
from dagster_project.identity.rules import likeness, names
from dagster_project.identity.rules.places import Address
from dagster_project.identity.rules.rule_set import RuleSet, load_rules
from dagster_project.settings import PROJECT_ROOT
from tests.bench.identity_sets import SETS, DataSet, figures, people_set, resolved
from tests.bench.lists import strangers

DOCUMENT = PROJECT_ROOT / "docs" / "identity_ablation.md"
# A shorter list as well: its rates are learnt from fewer pairs.
MEASURED: dict[str, Callable[[], DataSet]] = {
    **{f"Febrl {number}": SETS[f"febrl{number}"] for number in (1, 2, 3, 4)},
    "fake_1000": SETS["fake_1000"],
    "Russian": SETS["russian"],
    "company": SETS["company"],
    "list of 5,000": SETS["list"],
    "list of 600": lambda: people_set(600, 1),
    "strangers": lambda: _strangers(400),
}


def _strangers(people: int) -> DataSet:
    rows = pd.DataFrame(strangers(people, seed=5)).assign(birth_date="1988-08-08")
    records = rows.drop(columns="person_id").replace("", None)
    records = records.assign(source_system="crm", source_table="contacts", is_deleted=False)
    return DataSet(
        records, rows[["source_id", "person_id"]].assign(source_table="contacts", tags="")
    )


# Splink takes a weight of 0 for none given, which is 1.
_NONE = 1e-9


@dataclass(frozen=True)
class Switch:
    """What is taken away: attributes of modules, or a part of the rule set."""

    point: str
    name: str
    attributes: tuple[tuple[Any, str, Any], ...] = ()
    rules: Callable[[RuleSet], RuleSet] = lambda rules: rules

    @contextmanager
    def off(self) -> Iterator[RuleSet]:
        """The rules without it; everything is as shipped afterwards."""
        kept = [(module, name, getattr(module, name)) for module, name, _ in self.attributes]
        for module, name, value in self.attributes:
            setattr(module, name, value)
        try:
            yield self.rules(load_rules())
        finally:
            for module, name, value in kept:
                setattr(module, name, value)


def switches() -> list[Switch]:
    """By the points of the quality that was asked for, each taken away alone."""
    found = [
        Switch("2 prior", "counted among the bearers of an identifier", _prior_of_all()),
        Switch("2 prior", "narrow blocks of any size", rules=_linkage(narrow_blocks=frozenset())),
        Switch("3 addresses", "street, house and flat parsed", _unparsed_addresses()),
        Switch("4 shared values", "weight by frequency", rules=_without_frequency),
        Switch("5 names", "patronymics", _without_part("patronymic")),
        Switch("5 names", "gender of a name", (*_without_part("gender"), *_no_family_gender())),
        Switch("5 names", "names that people bear are no slips", _levels_without_other_names()),
        Switch("6 namesakes", "evidence beyond names", rules=_linkage(bits_beyond_names=0.0)),
        Switch(
            "6 namesakes",
            "birth dates that nearly agree",
            ((probabilistic, "_NEAR_BIRTH", "false"),),
        ),
        Switch(
            "8 contradictions", "weights, not walls", ((clusters, "CONTRADICTION_BITS", "1e9"),)
        ),
    ]
    for name in likeness.CONTRADICTIONS:
        rest = {other: sql for other, sql in likeness.CONTRADICTIONS.items() if other != name}
        found.append(Switch("8 contradictions", name, ((likeness, "CONTRADICTIONS", rest),)))
    found += [
        Switch("8 contradictions", "errors that explain two fields", _counted(explained=())),
        Switch("8 contradictions", "weights by counted errors", _counted(steps=())),
    ]
    return found


def parts() -> list[Switch]:
    """Each weight of the model and each proven rule; an hour, so only when it is asked for."""
    found = []
    for comparison in load_rules().model["comparisons"]:
        field = comparison["output_column_name"]
        found.append(Switch("weights", field.replace("_", " "), rules=_without_weight(field)))
    for name, _, _ in deterministic.RULES:
        rest = tuple(rule for rule in deterministic.RULES if rule[0] != name)
        patches = ((deterministic, "RULES", rest),)
        found.append(Switch("proven", name.replace("_", " "), patches))
    return found


def _linkage(**changed: Any) -> Callable[[RuleSet], RuleSet]:
    return lambda rules: replace(rules, linkage=replace(rules.linkage, **changed))


def _prior_of_all() -> tuple[tuple[Any, str, Any], ...]:
    shipped = linking.prior
    return (
        (
            linking,
            "prior",
            lambda linkage, profiles, _bearers, pairs: shipped(linkage, profiles, profiles, pairs),
        ),
    )


def _counted(**without: Any) -> tuple[tuple[Any, str, Any], ...]:
    def count(con: duckdb.DuckDBPyConnection, model: dict[str, Any]) -> field_errors.FieldErrors:
        return replace(field_errors.count_field_errors(con, model), **without)

    return ((linking, "count_field_errors", count), (affected_records, "count_field_errors", count))


def _unparsed_addresses() -> tuple[tuple[Any, str, Any], ...]:
    return (
        (identifiers, "parse_address", lambda raw: Address(raw.strip().casefold(), None, None)),
    )


def _without_part(part: str) -> tuple[tuple[Any, str, Any], ...]:
    shipped = names.parse_name
    return (
        (
            identifiers,
            "parse_name",
            lambda *args, **fields: replace(shipped(*args, **fields), **{part: None}),
        ),
    )


def _no_family_gender() -> tuple[tuple[Any, str, Any], ...]:
    return ((identifiers, "family_gender", lambda _: None),)


def _levels_without_other_names() -> tuple[tuple[Any, str, Any], ...]:
    first, *rest = likeness.LAYERS
    return ((likeness, "LAYERS", ({**first, "is_other_names": "false"}, *rest)),)


def _without_frequency(rules: RuleSet) -> RuleSet:
    return replace(rules, model=_model(rules, lambda _: True, {"tf_adjustment_weight": _NONE}))


def _without_weight(field: str) -> Callable[[RuleSet], RuleSet]:
    """The comparison's levels say nothing: each is as common among strangers."""
    nothing = {"tf_adjustment_weight": _NONE, "m_probability": None}
    return lambda rules: replace(rules, model=_model(rules, lambda name: name == field, nothing))


def _model(
    rules: RuleSet, is_meant: Callable[[str], bool], changed: dict[str, Any]
) -> dict[str, Any]:
    model = copy.deepcopy(rules.model)
    for comparison in model["comparisons"]:
        if not is_meant(comparison["output_column_name"]):
            continue
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            if "m_probability" in changed:
                level["m_probability"] = level["u_probability"]
            if "tf_adjustment_column" in level:
                level["tf_adjustment_weight"] = changed["tf_adjustment_weight"]
    return model


def measure(switch: Switch | None, data: dict[str, DataSet]) -> dict[str, tuple[float, float]]:
    """(pairwise F1, precision) by set, in percent; of Russian people without guest orders."""
    found = {}
    for name, records in data.items():
        where = "t.source_table <> 'orders'" if name == "Russian" else "true"
        if switch is None:
            result = figures(resolved(records)[0], where)
        else:
            with switch.off() as rules:
                result = figures(resolved(records, rules)[0], where)
        found[name] = (100 * result.f1, 100 * result.precision)
    return found


def table(rows: list[tuple[str, str, dict[str, tuple[float, float]]]]) -> str:
    """The document: the first row is of all rules, the others are differences to it."""
    shipped = rows[0][2]
    lines = [
        "# What each rule of identity pays",
        "",
        "Written by `python -m tests.bench.identity_ablation`: one rule is switched off alone, and",
        "every set is resolved again by the shipped configuration without it. Pairwise F1 in",
        "percent, in brackets precision. Below the first line are differences: a minus is what the",
        "rule pays. A rule without a difference is one that these sets do not ask for (a case made",
        "by hand in the tests does), or one that another rule stands in for. The sets are those of",
        "`tests/bench/identity_sets.py`, of the Russian people contacts and accounts; strangers",
        "are 400 people with one date of birth, and nobody twice.",
        "",
        "| point | switched off | " + " | ".join(shipped) + " |",
        "| --- | --- |" + " ---: |" * len(shipped),
    ]
    cells = [f"{f1:.2f} ({precision:.2f})" for f1, precision in shipped.values()]
    lines.append("| | nothing | " + " | ".join(cells) + " |")
    for point, name, found in rows[1:]:
        cells = [
            f"{_signed(found[key][0] - f1)} ({_signed(found[key][1] - precision)})"
            if key in found
            else ""
            for key, (f1, precision) in shipped.items()
        ]
        lines.append(f"| {point} | {name} | " + " | ".join(cells) + " |")
    if any(found.keys() != shipped.keys() for _, _, found in rows):
        lines += ["", "An empty cell was not measured."]
    return "\n".join(lines) + "\n"


def _signed(value: float) -> str:
    return "0" if abs(value) < 0.005 else f"{value:+.2f}"


def main(wanted: list[str]) -> None:
    data = {name: make() for name, make in MEASURED.items()}
    rows = [("", "nothing", measure(None, data))]
    for switch in [*switches(), *(parts() if "parts" in wanted else ())]:
        rows.append((switch.point, switch.name, measure(switch, data)))
        sys.stdout.write(f"{table(rows).splitlines()[-1]}\n")
        sys.stdout.flush()
    DOCUMENT.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
