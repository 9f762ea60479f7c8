"""Settings of a source: each one that may be declared does something, and is checked when read."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from dagster_project.contracts import SourceSettings, load_contract
from dagster_project.contracts.mapping import Mapping
from dagster_project.errors import UsageError

HEADER = "order_id,ordered_at,status,total_amount,city,phone"
ORDER = "1,2026-01-02 10:00,paid,5,x,"
NOW = datetime.now(UTC).date()


def weekly(*rows: int) -> dict[str, str]:
    """A file a week, the newest today, with so many records each."""
    return {
        f"orders_{NOW - timedelta(weeks=back)}.csv": "\n".join(
            [HEADER, *(f"{back}-{number},2026-01-02,paid,5,x," for number in range(count))]
        )
        for back, count in enumerate(rows)
    }


# By setting: the records of a file (or files by name), the value, and what else is declared.
Case = tuple[str | bytes | dict[str, str], object, dict[str, object]]
EFFECTS: dict[str, Case] = {
    "time_zone": (f"{HEADER}\n{ORDER}", "Asia/Tokyo", {}),
    "phone_region": (f"{HEADER}\n{ORDER}8 (916) 555-11-22", "RU", {}),
    "delimiter": (f"{HEADER}\n{ORDER}".replace(",", "^"), "^", {}),
    "encoding": (f"{HEADER}\n{ORDER}".encode("cp500"), "cp500", {}),
    "header": (ORDER, HEADER.split(","), {}),
    "decimal": (f"{HEADER}\n1,2026-01-02,paid,1.234,x,", ",", {}),
    "thousands": (f'{HEADER}\n1,2026-01-02,paid,"1,50",x,', ",", {}),
    "date_order": (f"{HEADER}\n1,03/04/2026,paid,5,x,", "month_first", {}),
    "date_formats": (f"{HEADER}\n1,04~03~2026,paid,5,x,", ["%d~%m~%Y"], {}),
    "comment": (f"{HEADER}\n{ORDER}\n# end of file", "#", {}),
    "null_words": (f"{HEADER}\n1,2026-01-02,paid,5,nowhere,", ["nowhere"], {}),
    "plausible_from": (f"{HEADER}\n1,1980-01-02,paid,5,x,", "1970-01-01", {}),
    "plausible_years_ahead": (f"{HEADER}\n1,2060-01-02,paid,5,x,", 100, {}),
    "expected_delivery": ({"orders_2020-01-01.csv": f"{HEADER}\n{ORDER}"}, "0 4 * * *", {}),
    "volume_band": (weekly(1, 9, 9, 9, 9), [0.5, 2], {}),
    "late_or_odd": (weekly(1, 9, 9, 9, 9), "block", {"volume_band": [0.5, 2]}),
    "conflicts_block_above": (f"{HEADER}\n{ORDER}\n{ORDER}9", 0.1, {}),
}


def test_every_setting_is_tried():
    """A new setting may be declared and does nothing, as phone_region did."""
    # How long rows are kept is obeyed after the load: tests/unit/privacy/test_retention.py.
    assert {*EFFECTS, "keep_days"} == set(SourceSettings.model_fields)


@pytest.mark.parametrize("name", EFFECTS)
def test_setting_has_an_effect(landing, tmp_path, name: str):
    """A company declares how its files are written, and they are read as if it had not."""
    files, value, base = EFFECTS[name]
    for file, content in (files if isinstance(files, dict) else {"orders.csv": files}).items():
        for folder in ("shop", "plain"):
            path = landing.put(f"{folder}/{file}", content)
            day = file.removeprefix("orders").removesuffix(".csv").lstrip("_") or str(NOW)
            seconds = datetime.fromisoformat(day).timestamp()
            os.utime(path, (seconds, seconds))
    before = observed(landing, tmp_path / "before", base)
    after = observed(landing, tmp_path / "after", {**base, name: value})
    assert before["shop.orders"] != after["shop.orders"], "declared for a table"
    assert before["plain"] != after["plain"], "declared for a mapping"


def observed(landing, own: Path, settings: dict[str, object]) -> dict[str, object]:
    """What a load makes of the files of the table and of the mapping, under the settings."""
    (own / "contracts").mkdir(parents=True)
    (own / "contracts" / "shop.yml").write_text(
        yaml.safe_dump({"tables": {"orders": {"settings": settings}}})
    )
    landing.settings = landing.settings.model_copy(update={"project_dir": own})
    types = {"ordered_at": "timestamp", "total_amount": "money"}
    mapping = Mapping.model_validate(
        {
            "mapping": "plain",
            "description": "Orders of another shop.",
            "settings": settings,
            "columns": {
                column: {"type": types.get(column, "text"), "required": column == "order_id"}
                for column in HEADER.split(",")
            },
            "tables": {"shop.orders": {"columns": {c: c for c in HEADER.split(",")}}},
        }
    )
    landing.load(mappings={"plain": mapping})
    return {
        target: [
            landing.query(
                "SELECT o.order_id, ordered_at, status, total_amount, city, phone FROM shop.orders "
                f"o WHERE _source = '{target}' ORDER BY ALL"
            ),
            landing.query(
                "SELECT reason, level, count(*) FROM ledger.quarantine "
                f"WHERE target = '{target}' GROUP BY ALL ORDER BY ALL"
            ),
            landing.query(
                "SELECT late_or_odd, is_late, is_odd FROM ledger.deliveries "
                f"WHERE source = '{target}'"
            ),
            landing.query(
                f"SELECT conflicts, is_blocking FROM ledger.key_versions WHERE source = '{target}'"
            ),
        ]
        for target in ("shop.orders", "plain")
    }


def test_telephones_of_a_source_abroad(landing, tmp_path):
    """A Russian shop's numbers are read as British ones, and its customers are never found."""
    own = tmp_path / "own" / "contracts"
    own.mkdir(parents=True)
    for system, table in (("crm", "contacts"), ("crm", "contact_points"), ("call_center", "calls")):
        path = own / f"{system}.yml"
        said = yaml.safe_load(path.read_text()) if path.exists() else {"tables": {}}
        said["tables"][table] = {"settings": {"phone_region": "RU"}}
        path.write_text(yaml.safe_dump(said))
    landing.settings = landing.settings.model_copy(update={"project_dir": own.parent})
    landing.put(
        "crm/contacts.csv",
        "contact_id,phone\n1,8 (916) 555-11-22\n2,+44 20 7946 0958\n3,none\n4,123\n"
        "5,8 495 123-45-67 доб. 89\n",
    )
    landing.put(
        "crm/contact_points.csv",
        "contact_id,kind,value\n1,phone,89165551123\n1,messenger,89165551124\n",
    )
    landing.put(
        "call_center/calls.csv",
        "call_id,direction,customer_phone,started_at,disposition\n"
        "1,inbound,9165551122,2026-01-02,missed\n",
    )
    landing.load()
    assert landing.query("SELECT phone FROM crm.contacts ORDER BY contact_id") == [
        ("+79165551122",),
        ("+44 20 7946 0958",),
        ("none",),
        ("123",),
        ("+74951234567 ext. 89",),
    ]
    assert landing.query("SELECT value FROM crm.contact_points ORDER BY kind") == [
        ("89165551124",),
        ("+79165551123",),
    ]
    assert landing.query("SELECT customer_phone FROM call_center.calls") == [("+79165551122",)]


WRONG = {
    "time_zone": ["Mars/Olympus", "Europe", ""],
    "phone_region": ["ZZ", "gb", ""],
    "delimiter": ['"', "\n", ""],
    "encoding": ["cp9999", "base64", ""],
    "header": [["a", "a"], ["a", " "]],
    "decimal": [";"],
    "thousands": ["."],
    "date_order": ["sideways"],
    "date_formats": [["%H:%M"], ["%d.%m.%Y %Q"], ["dd.mm.yyyy"], [""]],
    "comment": [""],
    "null_words": [["n/a", "n/a"], [""]],
    "plausible_from": ["1990"],
    "plausible_years_ahead": [-1],
    "expected_delivery": ["every morning", "0 0 30 2 *", "* * * * * *"],
    "volume_band": [[2, 0.5]],
    "late_or_odd": ["ignore"],
    "conflicts_block_above": [-1, 1.5],
    "keep_days": [0, "long"],
}


def test_wrong_settings_are_told_at_once(tmp_path):
    """A source's misspelt setting is found file by file, or by a trace of Python's."""
    assert set(WRONG) == set(SourceSettings.model_fields)
    own = tmp_path / "contracts"
    own.mkdir()
    for number in range(max(map(len, WRONG.values()))):
        wrong = {name: values[number] for name, values in WRONG.items() if number < len(values)}
        # Two signs that are the same are told where both are signs at all.
        if number == 0:
            wrong["decimal"] = ";"
        folder = tmp_path / f"own{number}"
        (folder / "contracts").mkdir(parents=True)
        (folder / "contracts" / "shop.yml").write_text(yaml.safe_dump({"settings": wrong}))
        with pytest.raises(UsageError) as caught:
            load_contract(folder)
        for name in wrong.keys() - {"thousands"}:
            assert f"settings.{name}" in caught.value.message, name
        assert caught.value.exit_code == 2
    with pytest.raises(ValueError, match="same sign"):
        SourceSettings(thousands=".")
