"""What the identity step says about itself."""

from dataclasses import dataclass, field

from dagster_project.errors import counted


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
    looked_at: int
    is_increment: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    def sentence(self) -> str:
        """One line for a log: counts only."""
        changes = f"{self.minted} new ids, {self.merged} merged, {self.split} split"
        looked = counted(self.looked_at, "record") if self.is_increment else "all"
        return (
            f"records: {self.records:,}, customers: {self.customers:,} ({changes}); "
            f"{self.unassigned} records identify nobody; guards stopped {self.guard_stops} values "
            f"or links; looked at {looked}; {sum(self.seconds.values()):.1f} s."
        )

    def metadata(self) -> dict[str, int | float]:
        """Counts and seconds per stage, by name."""
        counts = {
            name: getattr(self, name)
            for name in (
                "records",
                "customers",
                "unassigned",
                "minted",
                "merged",
                "split",
                "guard_stops",
                "looked_at",
            )
        }
        return counts | {f"seconds_{stage}": value for stage, value in self.seconds.items()}
