"""Service quality, satisfaction, reasons and impact once more: frames, loops and statsmodels."""

import csv
import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from dagster_project.settings import PROJECT_ROOT
from dagster_project.transform.thresholds import threshold
from tests.integration.dbt_core.company import Company

# Days after a contact in which another on the same reason says that it settled nothing.
WEEK = timedelta(days=threshold("first_contact_days"))
SHORT = threshold("short_abandon_seconds")
IN_TIME = threshold("service_level_seconds")
CONTACT_DAYS = timedelta(days=threshold("service_contact_days"))
OUTCOME_DAYS = timedelta(days=threshold("service_outcome_days"))


class Served:
    """A company's calls, tickets, answers and sales with their people and business days."""

    def __init__(self, company: Company) -> None:
        setting = company["control.parameters"][0]
        self.zone = ZoneInfo(setting["time_zone"])
        self.teams = {row["agent_id"]: row["team"] for row in company.get("call_center.agents", [])}
        self.as_of: date = setting["as_of"]
        owner = {
            (row["source_table"], row["source_id"]): row["customer_id"]
            for row in company["identity.assignments"]
        }
        self.calls = self._frame(company["call_center.calls"], "started_at")
        self.tickets = self._frame(company["call_center.tickets"], "created_at")
        self.surveys = self._frame(company["crm.surveys"], "answered_at")
        self.reviews = self._frame(company["shop.reviews"], "reviewed_at")
        self.orders = self._frame(company["shop.orders"], "ordered_at")
        for frame, table, key in (
            (self.calls, "calls", "call_id"),
            (self.tickets, "tickets", "ticket_id"),
            (self.surveys, "contacts", "contact_id"),
            (self.reviews, "accounts", "account_id"),
            (self.orders, "accounts", "account_id"),
        ):
            who = [owner.get((table, name)) for name in frame.get(key, [])]
            frame["who"] = pd.Series(who, index=frame.index, dtype=object)

        # Whoever the answer names, else whose order it is about.
        buyers = {row["order_id"]: row["who"] for row in self.orders.to_dict("records")}
        rows = self.surveys.to_dict("records")
        named = [row["who"] or buyers.get(row["order_id"]) for row in rows]
        self.surveys["who"] = pd.Series(named, index=self.surveys.index, dtype=object)
        statuses = self.orders.get("status", [])
        self.orders["is_sale"] = [status != "cancelled" for status in statuses]

    def day_of(self, moment: datetime) -> date:
        return moment.replace(tzinfo=UTC).astimezone(self.zone).date()

    def _frame(self, rows: list[dict[str, Any]], moment: str) -> pd.DataFrame:
        kept = [
            {**row, "day": self.day_of(row[moment]), "at": row[moment]}
            for row in rows
            if self.day_of(row[moment]) <= self.as_of
        ]
        return pd.DataFrame(kept, dtype=object)

    def quality(self) -> dict[tuple, dict[str, Any]]:
        """(day, queue, agent) to the columns of service_quality."""
        found: dict[tuple, dict[str, Any]] = {}
        if self.calls.empty:
            return found
        inbound = self.calls[self.calls["direction"] == "inbound"].copy()
        inbound["queue"] = inbound["queue"].fillna("(none)")
        inbound["agent_id"] = inbound["agent_id"].fillna("(none)")
        for key, own in inbound.groupby(["day", "queue", "agent_id"]):
            calls = own.to_dict("records")
            answered = [call for call in calls if call["disposition"] == "answered"]
            waits = [wait for call in answered if (wait := self._wait(call)) is not None]
            talks = [call for call in answered if call["talk_seconds"] is not None]
            abandoned = [call for call in calls if call["disposition"] == "abandoned"]
            short = [call for call in abandoned if (call["wait_seconds"] or SHORT) < SHORT]
            judged = [
                call
                for call in answered
                if call["who"] and call["is_resolved"] is not None and key[0] + WEEK <= self.as_of
            ]
            solved = [call for call in judged if call["is_resolved"] and not self._again(call)]
            handled = sum(
                call["talk_seconds"] + (call["hold_seconds"] or 0) + (call["wrap_up_seconds"] or 0)
                for call in talks
            )
            in_time = sum(wait <= IN_TIME for wait in waits)
            found[key] = {
                "offered": len(calls),
                "answered": len(answered),
                "answered_in_time": in_time,
                "abandoned": len(abandoned),
                "abandoned_short": len(short),
                "fcr_calls": len(judged),
                "fcr_resolved": len(solved),
                "answered_timed": len(waits),
                "wait_seconds": sum(waits),
                "handled": len(talks),
                "handle_seconds": handled,
                "team": self.teams.get(key[2]) or "(none)",
            }
        return found

    @staticmethod
    def _wait(call: dict[str, Any]) -> int | None:
        if call["wait_seconds"] is not None:
            return call["wait_seconds"]
        if call["answered_at"] is None:
            return None
        return int((call["answered_at"] - call["started_at"]).total_seconds())

    def _again(self, call: dict[str, Any]) -> bool:
        """Whether the customer came back on the same reason within seven days."""

        def same(reason: str | None) -> bool:
            return (reason or "").strip().lower() == (call["reason"] or "").strip().lower()

        start = (call["at"], f"call:{call['call_id']}")
        for other in self.calls.to_dict("records"):
            begun = (other["at"], f"call:{other['call_id']}")
            if (
                other["direction"] == "inbound"
                and other["disposition"] == "answered"
                and other["who"] == call["who"]
                and same(other["reason"])
                and start < begun
                and other["at"] <= call["at"] + WEEK
            ):
                return True
        return any(
            ticket["who"] == call["who"]
            and same(ticket["reason"])
            and start < (ticket["at"], f"ticket:{ticket['ticket_id']}")
            and ticket["at"] <= call["at"] + WEEK
            for ticket in self.tickets.to_dict("records")
        )

    def reasons(self, lapsed: set[str]) -> dict[tuple, tuple[int, int, int]]:
        """(month, declared in, group) to (statements, customers, lapsed customers)."""
        path = PROJECT_ROOT / "dbt" / "seeds" / "service" / "churn_reason_words.csv"
        with path.open(newline="", encoding="utf-8") as file:
            groups = {row["word"]: row["reason_group"] for row in csv.DictReader(file)}
        said = defaultdict(list)
        for frame, place in (
            (self.surveys, "survey"),
            (self.calls, "call"),
            (self.tickets, "ticket"),
        ):
            for row in frame.to_dict("records"):
                if (row["reason"] or "").strip():
                    word = row["reason"].strip().lower().replace("_", " ").replace("-", " ")
                    key = (row["day"].replace(day=1), place, groups.get(word, "(other)"))
                    said[key].append(row["who"])
        return {
            key: (len(people), len({*people} - {None}), len({*people} & lapsed))
            for key, people in said.items()
        }

    def impact(self) -> dict[tuple[str, str], tuple]:
        """(band, experience) to (customers, repurchased, rate, interval, comparison, difference,
        its interval)."""
        drawn, contacts = self._drawn(), self._contacts()
        if not contacts:
            return {}
        repeats = [worth for _, worth in drawn.values() if worth is not None]
        counts: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        for who, (day, worth) in drawn.items():
            if worth is None:
                band = "first_sale"
            else:
                worse = sum(other < worth for other in repeats)
                band = ("low", "middle", "high")[3 * worse // len(repeats)]
            end = day + CONTACT_DAYS
            met = [bad for name, on, bad in contacts if name == who and day <= on <= end]
            kind = "no_contact" if not met else "badly_served" if any(met) else "well_served"
            mine = self.orders[(self.orders["who"] == who) & self.orders["is_sale"]]
            later = any(end < on <= end + OUTCOME_DAYS for on in mine["day"])
            counts[band][kind].append(later)
            counts["all"][kind].append(later)
        return {
            (band, kind): (
                len(hits),
                sum(hits),
                *proportion_confint(sum(hits), len(hits), method="wilson"),
                *self._difference(counts, band, kind),
            )
            for band, kinds in counts.items()
            for kind, hits in kinds.items()
        }

    @staticmethod
    def _difference(counts: Any, band: str, kind: str) -> tuple[float | None, ...]:
        if kind == "no_contact":
            return (None, None, None, None)
        bands = [band] if band != "all" else [name for name in counts if name != "all"]
        parts = []
        for name in bands:
            mine, alone = counts[name].get(kind), counts[name].get("no_contact")
            if mine and alone:
                low, high = confint_proportions_2indep(
                    sum(mine), len(mine), sum(alone), len(alone), method="newcomb"
                )
                rate = sum(alone) / len(alone)
                weight = len(mine) * len(alone) / (len(mine) + len(alone))
                parts.append((weight, rate, sum(mine) / len(mine) - rate, low, high))
        if not parts:
            return (None, None, None, None)
        whole = sum(part[0] for part in parts)
        shares = [(weight / whole, *rest) for weight, *rest in parts]
        difference = sum(share * gap for share, _, gap, _, _ in shares)
        below = sum((share * (gap - low)) ** 2 for share, _, gap, low, _ in shares) ** 0.5
        above = sum((share * (high - gap)) ** 2 for share, _, gap, _, high in shares) ** 0.5
        rate = sum(share * rate for share, rate, *_ in shares)
        return (rate, difference, difference - below, difference + above)

    def _drawn(self) -> dict[str, tuple[date, int | None]]:
        """Each customer's drawn sale: its day, and net revenue before it (None at the first)."""
        found = {}
        if self.orders.empty:
            return found
        sales = self.orders[self.orders["is_sale"]].sort_values(["at", "order_id"])
        for who, own in sales.groupby("who"):
            rows = own.to_dict("records")
            old = [
                place
                for place, row in enumerate(rows)
                if row["day"] + CONTACT_DAYS + OUTCOME_DAYS <= self.as_of
            ]
            if old:
                place = min(
                    old, key=lambda i: hashlib.md5(rows[i]["order_id"].encode()).hexdigest()
                )
                worth = sum(row["total_amount"] for row in rows[:place])
                found[who] = (rows[place]["day"], worth if place else None)
        return found

    def _contacts(self) -> list[tuple[str, date, bool]]:
        found = []
        for call in self.calls.to_dict("records"):
            is_short = (
                call["disposition"] == "abandoned" and (call["wait_seconds"] or SHORT) < SHORT
            )
            if call["direction"] == "inbound" and call["who"] and not is_short:
                is_bad = call["disposition"] != "answered" or call["is_resolved"] is False
                found.append((call["who"], call["day"], is_bad))
        for ticket in self.tickets.to_dict("records"):
            if ticket["who"]:
                done = ticket["resolved_at"]
                is_bad = done is None or done > ticket["at"] + WEEK
                found.append((ticket["who"], ticket["day"], is_bad))
        return found


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
