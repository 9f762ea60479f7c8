"""Audience membership: who is in which audience on this build, and who of them hears something.

Marts ``audiences`` (one row per audience and customer) and ``audience_changes`` (who entered and
left in builds so far, and who stayed in this one). History comes from the published version, so
that a build which is not published leaves none. A row says why nothing is sent:

- ``no_address``: the golden record has no address of the medium;
- ``no_consent``: the address has no consent for the purpose, or bounced, or was deleted;
- ``hold_out``: the person is in the audience's comparison group;
- ``cap``: they have had, or have in this build, as many messages as a week may bring.

Who withdrew consent to profiling is in no audience.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.activation.contact_rules import global_cap, hold_out, leave_out
from dagster_project.activation.definitions import (
    BIRTHDAYS,
    OWN_COLUMNS,
    Audience,
    Cap,
    load_audiences,
    parse_audience,
    qualified_sql,
    tables_of,
)
from dagster_project.activation.lift import write_results
from dagster_project.activation.mart_schemas import AUDIENCES, CHANGES, MARTS
from dagster_project.errors import HourglassError, counted
from dagster_project.identity.registry.tables import hash_key
from dagster_project.publish.reading import attach_marts, detach_marts, marts_in
from dagster_project.publish.versions import DATABASE
from dagster_project.settings import Settings
from dagster_project.warehouse import identifier, quoted

# Changes older than this no longer matter to any cap or to reading a hold-out back.
HISTORY_DAYS = 800


@dataclass
class MembershipSummary:
    """Counts of a build by audience: ``members``, ``entered``, ``left``, ``contacted``, and
    ``left_out`` by reason."""

    members: dict[str, int] = field(default_factory=dict)
    entered: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    contacted: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)

    def sentence(self) -> str:
        return (
            f"{counted(len(self.members), 'audience')} with "
            f"{counted(sum(self.members.values()), 'member')}, "
            f"{sum(self.entered.values()):,} entered, {sum(self.left.values()):,} left, "
            f"{sum(self.contacted.values()):,} may be contacted."
        )


def marts_read(project_dir: Path | None = None) -> frozenset[str]:
    """What membership is decided from: marts that definitions read, consent and addresses."""
    read = {"customers", "customer_contacts", "orders"}
    for audience in load_audiences(project_dir).values():
        read |= tables_of(audience)
    return frozenset(read - {BIRTHDAYS})


def build_audiences(
    con: duckdb.DuckDBPyConnection,
    audiences: Mapping[str, Audience],
    *,
    build_id: str,
    as_of: date,
    published: Path | None,
    key: bytes,
    cap: Cap | None = None,
) -> MembershipSummary:
    """Make ``marts.audiences`` and ``marts.audience_changes`` of the marts on ``con``.

    ``published``: folder of the version in force, whose audiences are the former ones; None before
    the first. Raises UsageError that names an audience which reads no mart, HourglassError
    when its SELECT cannot run.
    """
    cap = cap or global_cap()
    _birthdays(con, as_of)
    _former(con, published, as_of)
    _selected(con, audiences.values())
    con.execute("CREATE OR REPLACE TEMP TABLE a_rules (audience VARCHAR, again_after INTEGER, "
                "stays INTEGER, is_trigger BOOLEAN, medium VARCHAR, purpose VARCHAR, "
                "priority INTEGER, cap_messages INTEGER, cap_days INTEGER)")  # fmt: skip
    for a in audiences.values():
        con.execute(
            "INSERT INTO a_rules VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                a.audience,
                a.again_after_days,
                a.stays_days,
                a.trigger,
                a.medium,
                a.purpose,
                a.priority,
                a.cap.messages if a.cap else None,
                a.cap.days if a.cap else None,
            ],
        )
    _members(con, as_of)
    hold_out(con, audiences, key)
    leave_out(con, as_of, cap)
    _write(con, build_id, as_of)
    write_results(con, audiences, as_of)
    return _summary(con, audiences)


def _birthdays(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """``birthdays``: the next birthday of each customer after ``as_of``, without the year of birth.

    29 February is kept on 1 March in other years.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW {BIRTHDAYS} AS
        WITH days AS (
            SELECT customer_id, coalesce(
                TRY_CAST(y || strftime(CAST(birth_date AS DATE), '-%m-%d') AS DATE),
                CAST(y || '-03-01' AS DATE)) AS birthday_on
            FROM restricted.customer_contacts
            CROSS JOIN (VALUES ('{as_of.year:04}'), ('{as_of.year + 1:04}')) AS years(y)
            WHERE birth_date IS NOT NULL
        )
        SELECT customer_id, min(birthday_on) AS birthday_on
        FROM days WHERE birthday_on > DATE '{as_of}' GROUP BY customer_id
        """
    )


def _former(con: duckdb.DuckDBPyConnection, published: Path | None, as_of: date) -> None:
    """``a_former`` and ``a_history``: what the version in force says, by the ids of today.

    An entry belongs to whom the id under which it was made belongs today, so that it follows a
    merge, and comes back when the merge is undone.

    What is dated after ``as_of``, because an older day is restated, is not known yet. Two customers
    who proved to be one have one change in a build: that of the one who was to be written to.
    """
    for name, columns in (("a_former", AUDIENCES), ("a_history", CHANGES)):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({columns})")
    if published is None or not (published / DATABASE).exists():
        return
    attach_marts(con, published, "before_")
    try:
        present = marts_in(con, "before_")
        for name, mart, moment in (
            ("a_former", "audiences", "entered_on"),
            ("a_history", "audience_changes", "changed_on"),
        ):
            if mart in present:
                columns = [c for c, *_ in con.execute(f"DESCRIBE before_.{mart}").fetchall()]
                # Versions of before 0.2 do not say as whom somebody entered.
                own = "t.entered_as" if "entered_as" in columns else "t.customer_id"
                dropped = ", ".join({"customer_id", "entered_as"} & {*columns})
                once = (
                    "QUALIFY row_number() OVER (PARTITION BY build_id, audience, customer_id, "
                    "event_key, change ORDER BY left_out_because NULLS FIRST, is_held_out) = 1"
                    if mart == "audience_changes"
                    else ""
                )
                con.execute(
                    f"""
                    INSERT INTO {name} BY NAME
                    SELECT * FROM (
                        SELECT t.* EXCLUDE ({dropped}), {own} AS entered_as,
                            coalesce((SELECT g.merged_into FROM identity.registry_ids AS g
                                WHERE g.customer_id = {own}), {own}) AS customer_id
                        FROM before_.{mart} AS t WHERE {moment} <= DATE '{as_of}'
                    )
                    {once}
                    """
                )
    finally:
        detach_marts(con, "before_")


def _selected(con: duckdb.DuckDBPyConnection, audiences: Iterable[Audience]) -> None:
    """``a_selected``: what the SELECTs give; per audience and customer the newest event."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE a_selected (audience VARCHAR, customer_id VARCHAR, "
        "event_key VARCHAR, reason VARCHAR, message VARCHAR)"
    )
    schemas = dict(
        con.execute(
            "SELECT table_name, table_schema FROM information_schema.tables "
            "WHERE table_schema = 'marts' AND table_catalog = current_database()"
        ).fetchall()
    )
    for own in MARTS:
        schemas.pop(own, None)
    # A view in the temporary catalog, which is searched by its own schema's name.
    schemas[BIRTHDAYS] = "temp"
    for audience in audiences:
        sql = qualified_sql(audience, schemas)
        columns = parse_audience(audience).named_selects
        fields = ", ".join(
            f"{identifier(name)} := s.{identifier(name)}"
            for name in columns
            if name not in OWN_COLUMNS
        )
        message = f"CAST(to_json(struct_pack({fields})) AS VARCHAR)" if fields else "NULL"
        event = "CAST(s.event_key AS VARCHAR)" if "event_key" in columns else "NULL"
        newest = "s.event_at DESC NULLS LAST, " if "event_at" in columns else ""
        try:
            con.execute(
                f"""
                INSERT INTO a_selected
                SELECT {quoted(audience.audience)}, CAST(s.customer_id AS VARCHAR), {event},
                    CAST(s.reason AS VARCHAR), {message}
                FROM ({sql}) AS s
                INNER JOIN marts.customers AS c ON s.customer_id = c.customer_id
                WHERE NOT coalesce(c.is_profiling_withdrawn, false)
                QUALIFY row_number() OVER (
                    PARTITION BY s.customer_id ORDER BY {newest}{event} DESC NULLS LAST, s.reason
                ) = 1
                """
            )
        except duckdb.Error as error:
            raise HourglassError(
                f"Audience {audience.audience} cannot be built: its select does not run on the "
                f"marts ({type(error).__name__}). Check the names of its columns against "
                "dbt/models/marts, or take the definition away."
            ) from None


def _members(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """``a_members``: who is in, since when, until when.

    A former member who is still selected stays until their time is over. Anybody else enters when
    they are selected and the audience lets them: a trigger once per event, another again after its
    days. A former member whom only the cap held back enters as if for the first time.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE a_members AS
        WITH entries AS (
            SELECT audience, customer_id, event_key, max(changed_on) AS entered_on
            FROM a_history WHERE change = 'entered' GROUP BY ALL
        ),
        last_entries AS (
            SELECT audience, customer_id, max(entered_on) AS entered_on FROM entries GROUP BY ALL
        ),
        former AS (
            SELECT audience, customer_id, event_key, min(entered_on) AS entered_on,
                max(leaves_on) AS leaves_on, min_by(entered_as, entered_on) AS entered_as
            FROM a_former WHERE left_out_because IS DISTINCT FROM 'cap' GROUP BY ALL
        ),
        judged AS (
            SELECT s.*, r.medium, r.purpose, r.priority, r.stays,
                f.entered_on AS since, f.leaves_on AS until, f.entered_as,
                CASE WHEN r.is_trigger THEN e.entered_on IS NULL
                    ELSE l.entered_on IS NULL
                        OR l.entered_on + r.again_after <= DATE '{as_of}' END AS may_enter
            FROM a_selected AS s
            INNER JOIN a_rules AS r ON s.audience = r.audience
            LEFT JOIN former AS f ON s.audience = f.audience AND s.customer_id = f.customer_id
                AND s.event_key IS NOT DISTINCT FROM f.event_key
            LEFT JOIN entries AS e ON s.audience = e.audience AND s.customer_id = e.customer_id
                AND s.event_key IS NOT DISTINCT FROM e.event_key
            LEFT JOIN last_entries AS l
                ON s.audience = l.audience AND s.customer_id = l.customer_id
        )
        SELECT audience, customer_id, event_key, reason, message, medium, purpose, priority,
            coalesce(since, DATE '{as_of}') AS entered_on,
            coalesce(until, CAST(DATE '{as_of}' + stays AS DATE)) AS leaves_on,
            since IS NULL AS is_new, coalesce(entered_as, customer_id) AS entered_as
        FROM judged
        WHERE (since IS NOT NULL AND until >= DATE '{as_of}') OR (since IS NULL AND may_enter)
        """
    )


def _write(con: duckdb.DuckDBPyConnection, build_id: str, as_of: date) -> None:
    names = ", ".join(column.split()[0] for column in AUDIENCES.split(","))
    con.begin()
    con.execute("CREATE SCHEMA IF NOT EXISTS marts")
    con.execute(
        f"CREATE OR REPLACE TABLE marts.audiences AS SELECT {names} FROM a_judged "
        "ORDER BY audience, customer_id"
    )
    con.execute(f"CREATE OR REPLACE TABLE marts.audience_changes ({CHANGES})")
    con.execute(
        f"""
        INSERT INTO marts.audience_changes BY NAME
        SELECT * FROM a_history
        WHERE change <> 'stayed' AND build_id <> {quoted(build_id)}
            AND changed_on > DATE '{as_of}' - {HISTORY_DAYS}
        """
    )
    # Whom the cap holds back has not entered: the next build asks again.
    con.execute(
        f"""
        INSERT INTO marts.audience_changes
        SELECT {quoted(build_id)}, DATE '{as_of}', audience, customer_id,
            CASE WHEN is_new THEN 'entered' ELSE 'stayed' END, event_key, is_held_out,
            left_out_because, entered_as
        FROM a_judged WHERE left_out_because IS DISTINCT FROM 'cap'
        """
    )
    con.execute(
        f"""
        INSERT INTO marts.audience_changes
        SELECT {quoted(build_id)}, DATE '{as_of}', f.audience, f.customer_id, 'left', f.event_key,
            bool_or(f.is_held_out), any_value(f.left_out_because), any_value(f.entered_as)
        FROM a_former AS f
        LEFT JOIN a_judged AS j ON f.audience = j.audience AND f.customer_id = j.customer_id
            AND f.event_key IS NOT DISTINCT FROM j.event_key
            AND j.left_out_because IS DISTINCT FROM 'cap'
        INNER JOIN marts.customers AS c ON f.customer_id = c.customer_id
        WHERE j.customer_id IS NULL AND f.left_out_because IS DISTINCT FROM 'cap'
        GROUP BY f.audience, f.customer_id, f.event_key
        """
    )
    con.commit()


def _summary(
    con: duckdb.DuckDBPyConnection, audiences: Mapping[str, Audience]
) -> MembershipSummary:
    summary = MembershipSummary(members=dict.fromkeys(audiences, 0))
    for name, because, count in con.execute(
        "SELECT audience, left_out_because, count(*) FROM marts.audiences GROUP BY ALL ORDER BY ALL"
    ).fetchall():
        summary.members[name] = summary.members.get(name, 0) + count
        if because is None:
            summary.contacted[name] = count
        else:
            summary.left_out.setdefault(name, {})[because] = count
    for name, change, count in con.execute(
        "SELECT audience, change, count(*) FROM marts.audience_changes "
        "WHERE build_id = (SELECT max(build_id) FROM marts.audience_changes) GROUP BY ALL"
    ).fetchall():
        if change in ("entered", "left"):
            getattr(summary, change)[name] = count
    return summary


def build_of(con: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[str, date, bytes]:
    """(build id, as_of, the installation's key) of the build on ``con``."""
    row = con.execute("SELECT build_id, as_of FROM control.parameters").fetchone()
    if row is None:
        raise HourglassError(f"No build was begun in {settings.data_dir}: hourglass run.")
    return row[0], row[1], hash_key(con)
