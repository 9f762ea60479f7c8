"""Rule set: all that a resolution goes by besides the records, read from the rules' files."""

from dataclasses import dataclass
from typing import Any

from dagster_project.identity.rules.guards import Guards, load_guards
from dagster_project.identity.rules.linkage import Linkage, load_linkage, load_model
from dagster_project.identity.rules.nicknames import Nicknames, load_nicknames


@dataclass(frozen=True)
class RuleSet:
    """Guards, nicknames, linkage and the Splink model."""

    guards: Guards
    nicknames: Nicknames
    linkage: Linkage
    model: dict[str, Any]


def load_rules() -> RuleSet:
    """The rules in force; raises UsageError that names the entry which does not fit."""
    return RuleSet(load_guards(), load_nicknames(), load_linkage(), load_model())
