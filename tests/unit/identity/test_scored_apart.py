"""Pairs that workers score are those that the resolution scores itself."""

import pickle
import random
from pathlib import Path
from typing import Any

from dagster_project.identity.matching import probabilistic
from dagster_project.settings import Settings

FIRST = ["Anna", "Ann", "Boris", "Юлия", "Yulia", "Robert", "Margaret"]
LAST = ["Smith", "Smyth", "Orlov", "Орлова", "Featherstonehaugh"]
SHARES = 3


def apart(settings: Settings, folder: Path, task: Any, count: int, *, what: str) -> list[Any]:
    """Spark without Spark: every share on its own, and all that travels pickled."""
    assert count == SHARES
    return [pickle.loads(pickle.dumps(task))(share) for share in range(count)]


def test_pairs_scored_by_workers_make_the_same_links(new_company, monkeypatch):
    """On a cluster other records become one person than on one machine."""
    found = []
    for is_spread in (False, True):
        draw = random.Random(7)
        company = new_company()
        if is_spread:
            company.settings = Settings(
                data_dir=company.settings.data_dir,
                engine="spark",
                spark_scored_pairs=0,
                spark_partitions=SHARES,
            )
            monkeypatch.setattr(probabilistic, "spread", apart)
        for number in range(150):
            company.add(
                draw.choice(["contacts", "accounts"]),
                str(number),
                first_name=draw.choice(FIRST),
                last_name=draw.choice(LAST),
                birth_date=draw.choice(["1980-02-03", "1980-03-02", "1955-07-08", None]),
                email=draw.choice(["a@x.com", "b@x.com", "c@y.org", None, None]),
                city=draw.choice(["York", "Omsk", None]),
                street_address=draw.choice(["5 Mill Lane", "5 Mill Ln", None]),
            )
        people = company.people()
        scored = company.con.execute(
            "SELECT * EXCLUDE (customer_id) FROM identity.links ORDER BY ALL"
        ).fetchall()
        found.append((people, scored))
    assert len(found[0][1]) > 20
    assert found[0] == found[1]


def test_pairs_that_a_killed_resolution_left_go(company):
    """Names and addresses of a killed run lie beside the warehouse for good, gigabytes of them."""
    left = company.settings.warehouse_dir / probabilistic.SCRATCH / "profiles.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"Ann")
    company.add("contacts", "1", first_name="Ann", last_name="Smith", city="York")
    company.people()
    assert not left.parent.exists()
