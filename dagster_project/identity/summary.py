"""What the identity step says about itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class IdentitySummary:
    """Counts of records and people, and seconds per stage."""

    records: int
    customers: int
    unassigned: int
    minted: int
    merged: int
    split: int
    guard_stops: int
    seconds: dict[str, float] = field(default_factory=dict)
