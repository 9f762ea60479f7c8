"""Cells that hold several addresses, and the contact points that come of them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.contracts import load_contract
from dagster_project.load.ingest.contact_points import split_cells
from dagster_project.load.ledger.load_summary import FileOutcome
from dagster_project.load.ledger.schema import create_raw_tables
from dagster_project.warehouse import connect_file

CELLS = [
    ("email", "a@x.test; b@y.test", "a@x.test", ["b@y.test"]),
    ("email", "a@x.test, b@y.test,c@z.test", "a@x.test", ["b@y.test", "c@z.test"]),
    ("email", "a@x.test/b@y.test", "a@x.test", ["b@y.test"]),
    ("email", "Ann <a@x.test>, Bob <b@y.test>", "a@x.test", ["b@y.test"]),
    ("email", "mailto:a@x.test b@y.test", "a@x.test", ["b@y.test"]),
    ("email", "a@x.test; A@X.test", "a@x.test", []),
    ("email", "Ann <a@x.test>", "Ann <a@x.test>", []),
    ("email", "a@x.test; none", "a@x.test; none", []),
    ("email", "a@@x.test", "a@@x.test", []),
    ("phone", "8 916 555-11-22, 8 (495) 123-45-67", "8 916 555-11-22", ["8 (495) 123-45-67"]),
    ("phone", "+79165551122 +74951234567", "+79165551122", ["+74951234567"]),
    ("phone", "+79165551122 / +74951234567 (work)", "+79165551122", ["+74951234567 (work)"]),
    ("phone", "+7 916 555-11-22; +7 (916) 5551122", "+7 916 555-11-22", []),
    ("phone", "(495) 123-45-67/68", "(495) 123-45-67/68", []),
    ("phone", "8  916  555  11  22", "8  916  555  11  22", []),
    ("phone", "79161110003.0", "79161110003.0", []),
]


@pytest.mark.parametrize(("kind", "cell", "first", "further"), CELLS)
def test_cell(landing, kind, cell, first, further):
    """A person's second address is lost, or their first one is read as none."""
    landing.put("crm/contacts.csv", f'contact_id,{kind}\n1,"{cell}"\n2,\n')
    summary = landing.load()
    assert landing.query(f"SELECT {kind} FROM crm.contacts ORDER BY contact_id") == [
        (first,),
        (None,),
    ]
    assert landing.query(
        "SELECT contact_id, kind, value, is_primary FROM crm.contact_points ORDER BY value"
    ) == [("1", kind, value, False) for value in further]
    assert (summary.records, summary.accepted) == (2, 2)


def test_points_go_with_their_file(landing):
    """An address that was taken out of a corrected file stays with the person for ever."""
    landing.put("crm/contacts.csv", 'contact_id,email\n1,"a@x.test; b@y.test"\n')
    landing.load()
    landing.put("crm/contacts.csv", "contact_id,email\n1,a@x.test\n")
    landing.load()
    assert landing.query("SELECT count(*) FROM crm.contact_points") == [(0,)]


def test_a_mapping_splits_too(landing):
    """The further addresses of a vendor's export reach nobody."""
    landing.put(
        "hubspot_contacts/contacts.csv",
        'Record ID,Email,Phone Number\n7,"a@x.test; b@y.test","+12025550101, +12025550102"\n',
    )
    landing.load()
    assert landing.query("SELECT email, phone FROM crm.contacts") == [("a@x.test", "+12025550101")]
    assert landing.query("SELECT contact_id, value FROM crm.contact_points ORDER BY 2") == [
        ("7", "+12025550102"),
        ("7", "b@y.test"),
    ]


@pytest.fixture(scope="module")
def warehouse():
    con = connect_file(":memory:", allowed_dirs=[], threads=1, keep_order=True)
    create_raw_tables(con)
    con.execute("CREATE TEMP TABLE load_units (_number INTEGER, _hash VARCHAR, _source VARCHAR)")
    con.execute("INSERT INTO temp.load_units VALUES (0, 'h', 'crm.contacts')")
    return con


ADDRESS = st.from_regex(r"[a-z][a-z0-9._+-]{0,8}@[a-z]{1,6}\.(test|example)", fullmatch=True)
BETWEEN = st.sampled_from(["; ", ",", " ", "|", "\n", " / ", ";;", ", ,"])


@settings(max_examples=25, deadline=None)
@given(st.lists(ADDRESS, min_size=2, max_size=5), BETWEEN)
def test_any_addresses_between_any_signs(warehouse, addresses, between):
    """A list of addresses is cut in the wrong place, so that two strangers share an address."""
    warehouse.execute("DELETE FROM crm.contacts")
    warehouse.execute("DELETE FROM crm.contact_points")
    warehouse.execute(
        "INSERT INTO crm.contacts (contact_id, email, _file_hash, _source) "
        "VALUES ('1', ?, 'h', 'crm.contacts')",
        [between.join(addresses)],
    )
    outcome = FileOutcome()
    split_cells(warehouse, ("crm", load_contract()["crm"].tables["contacts"]), [outcome])
    wanted = list(dict.fromkeys(addresses))
    assert warehouse.execute("SELECT email FROM crm.contacts").fetchall() == [(wanted[0],)]
    found = warehouse.execute("SELECT value FROM crm.contact_points ORDER BY value").fetchall()
    assert [value for (value,) in found] == sorted(wanted[1:])
    assert outcome.rows == ({("crm", "contact_points"): len(found)} if found else {})


PHONE = st.from_regex(r"\+7 ?\(?9[0-9]{2}\)? ?[0-9]{3}-?[0-9]{2}-?[0-9]{2}", fullmatch=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(PHONE, min_size=2, max_size=4), st.sampled_from(["; ", ",", " ", "/", "\n"]))
def test_any_numbers_between_any_signs(warehouse, numbers, between):
    """Two numbers in one cell become one number of twenty digits."""
    warehouse.execute("DELETE FROM crm.contacts")
    warehouse.execute("DELETE FROM crm.contact_points")
    warehouse.execute(
        "INSERT INTO crm.contacts (contact_id, phone, _file_hash, _source) "
        "VALUES ('1', ?, 'h', 'crm.contacts')",
        [between.join(numbers)],
    )
    split_cells(warehouse, ("crm", load_contract()["crm"].tables["contacts"]), [FileOutcome()])
    found = warehouse.execute(
        "SELECT phone FROM crm.contacts UNION ALL SELECT value FROM crm.contact_points"
    ).fetchall()
    digits = [re.sub(r"\D", "", value) for (value,) in found]
    wanted = list(dict.fromkeys(re.sub(r"\D", "", number) for number in numbers))
    assert (digits[0], sorted(digits)) == (wanted[0], sorted(wanted))


def test_further_numbers_get_the_country_of_their_source(landing, tmp_path):
    """Of a cell's numbers the first is of the source's country and the others of none."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "crm.yml").write_text("settings: {phone_region: GB}\n")
    landing.settings = landing.settings.model_copy(update={"project_dir": tmp_path})
    landing.put("crm/contacts.csv", 'contact_id,phone\n1,"020 7946 0018, 020 7946 0019"\n')
    landing.load()
    assert landing.query(
        "SELECT phone FROM crm.contacts UNION ALL SELECT value FROM crm.contact_points"
    ) == [("+442079460018",), ("+442079460019",)]
