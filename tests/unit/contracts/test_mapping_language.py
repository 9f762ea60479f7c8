"""The mapping language for a stranger: what is wrong is told at once, what is lost is named."""

import json

import jsonschema
import pytest
import yaml

from dagster_project.contracts.folders import MAPPINGS, shipped_files
from dagster_project.contracts.generate.reference import mapping_schema
from dagster_project.contracts.mapping import Mapping, read_mapping
from dagster_project.errors import UsageError
from dagster_project.load import load_landing
from dagster_project.load.dry_run.check import check_path
from dagster_project.settings import Settings
from dagster_project.warehouse import connect_file

ORDERS = """mapping: till
description: The till's export.
columns:
  Bon: {required: true}
  Datum: {type: timestamp}
  Zustand: {}
  Art: {needed: "Tick 'kind of receipt' in the till's export."}
  Betrag: {type: money}
leave_out:
  no_sale:
    when: Art <> 'Verkauf'
    description: What is no sale.
    count_by: Art
tables:
  shop.orders:
    columns:
      order_id: Bon
      ordered_at: Datum
      status: Zustand
      total_amount: Betrag
    hints: {ordered_at: "Export with the date."}
"""


def written(tmp_path, text):
    path = tmp_path / "till.yml"
    path.write_text(text)
    return path


@pytest.fixture
def check(tmp_path):
    """Loads a till's file through ORDERS; gives the findings as (reason, message, count)."""

    def run(content: str):
        folder = tmp_path / "landing" / "till"
        folder.mkdir(parents=True)
        (folder / "bons.csv").write_text(content)
        mappings = {"till": read_mapping(written(tmp_path, ORDERS))}
        report = check_path(folder, Settings(data_dir=tmp_path), mappings=mappings)
        return {finding.message: finding.count for finding in report.findings}, report

    return run


def test_every_error_is_told_at_once_with_what_was_meant(tmp_path):
    """An author corrects one slip after the other, run after run, and guesses the names."""
    text = (
        ORDERS.replace("status: Zustand", "statuss: Zustan")
        .replace("total_amount: Betrag", "total_amount: summ(Betrag)")
        .replace("shop.orders:", "shop.order:", 1)
    )
    both = text.replace("shop.order:", "shop.orders:") + (
        "  crm.contact:\n    columns: {contact_id: Bon}\n"
    )
    with pytest.raises(UsageError) as error:
        read_mapping(written(tmp_path, both))
    said = str(error.value)
    for part in (
        "statuss is not known. Did you mean status?",
        "status is required",
        "no declared column Zustan. Did you mean Zustand?",
        "the function summ is not allowed. Did you mean sum?",
        "crm.contact is not known. Did you mean crm.contacts or crm.contact_points?",
    ):
        assert part in said, part


def test_what_holds_between_keys_is_told_with_the_misspelt_keys(tmp_path):
    """The author mends a misspelt key, and is told of the next mistake, one after the other."""
    text = ORDERS.replace("description: The till's", "colour: red\ndescription: The till's")
    text = text.replace("{type: money}", "{type: cash}").replace("status: Zustand", "state: Stand")
    with pytest.raises(UsageError) as error:
        read_mapping(written(tmp_path, text))
    said = str(error.value)
    assert "colour is not known" in said
    assert "columns.Betrag.type: Input should be" in said
    assert "state is not known. Did you mean status?" in said
    assert "status is required" in said
    assert "the record has no declared column Stand" in said


def test_an_unknown_key_is_told_with_those_that_are_known(tmp_path):
    """A misspelt setting is refused, and nothing says what it is called."""
    with pytest.raises(UsageError, match=r"requird is not known\. Did you mean required\?"):
        read_mapping(written(tmp_path, ORDERS.replace("required: true", "requird: true")))


def test_a_key_that_does_nothing_is_refused(tmp_path):
    """An author names a key, and each record is a row of its own all the same."""
    text = ORDERS.replace("    hints:", "    key: [ordered_at]\n    hints:")
    with pytest.raises(UsageError, match="without first, min, max or sum"):
        read_mapping(written(tmp_path, text))


def test_a_column_that_the_export_needs_is_asked_for(check):
    """All records are left out because a column was not exported, with an untrue reason."""
    found, report = check("Bon,Datum,Zustand,Betrag\nB1,2026-01-10 09:00,paid,5.00\n")
    (message,) = found
    assert "Art is missing. Tick 'kind of receipt' in the till's export." in message
    assert not report.is_clean


def test_what_was_left_out_is_listed_with_counts(check):
    """A person learns that events had no word, and not which."""
    found, _ = check(
        "Bon,Datum,Zustand,Art,Betrag\nB1,2026-01-10,paid,Verkauf,5\nB2,2026-01-10,paid,Storno,5\n"
        "B3,2026-01-10,paid,Pfand,1\nB4,2026-01-10,paid,Storno,1\n"
    )
    assert found == {
        "Left out by the rule no_sale. What is no sale. They are: Storno 2, Pfand 1.": 3
    }


def test_an_unknown_status_names_the_word_and_how_often(check):
    """A shop's own status refuses its orders, and somebody has to search the file for it."""
    found, _ = check(
        "Bon,Datum,Zustand,Art,Betrag\nB1,2026-01-10,abgeholt,Verkauf,5\n"
        "B2,2026-01-10,abgeholt,Verkauf,5\nB3,2026-01-10,+49 30 123456,Verkauf,5\n"
        "B4,2026-01-10,Nina Vogel,Verkauf,5\nB5,2026-01-10,n@example.org,Verkauf,5\n"
    )
    assert sorted(found.values()) == [2, 3]
    (known,) = [message for message, count in found.items() if count == 2]
    (shifted,) = [message for message, count in found.items() if count == 3]
    assert "'abgeholt'" in known
    assert not [part for part in ("123456", "Vogel", "example") if part in shifted]


def test_a_refused_value_names_the_senders_columns(check):
    """The message says that ordered_at is empty, which the sender's file does not have."""
    found, _ = check("Bon,Datum,Zustand,Art,Betrag\nB1,31 Octember,paid,Verkauf,5\n")
    (message,) = [text for text in found if "ordered_at" in text]
    assert "It is made of Datum. The text of Datum could not be read." in message
    assert "Export with the date." in message
    assert "Octember" not in message


def test_a_rule_that_lists_nothing_says_nothing(tmp_path):
    """An old ledger without the column ends the load of its next file."""
    con = connect_file(":memory:", allowed_dirs=[tmp_path])
    con.execute(
        "CREATE SCHEMA ledger; CREATE TABLE ledger.left_out "
        "(file_hash VARCHAR, target VARCHAR, rule VARCHAR, records BIGINT)"
    )
    landing = tmp_path / "landing" / "crm"
    landing.mkdir(parents=True)
    (landing / "contacts.csv").write_text("contact_id\n1\n")
    load_landing(con, Settings(data_dir=tmp_path), run_id="test")
    assert "listed" in {row[0] for row in con.execute("DESCRIBE ledger.left_out").fetchall()}


@pytest.mark.parametrize("name", shipped_files(MAPPINGS))
def test_the_schema_for_editors_accepts_what_the_product_accepts(name):
    """An editor underlines a mapping that is right."""
    content = yaml.safe_load(shipped_files(MAPPINGS)[name].read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(content, default=str)), mapping_schema())


def test_the_schema_for_editors_refuses_a_misspelt_key():
    """An editor does not underline what the product refuses."""
    content = {**yaml.safe_load(ORDERS), "tabels": {}}
    with pytest.raises(jsonschema.ValidationError, match="tabels"):
        jsonschema.validate(content, mapping_schema())
    assert set(mapping_schema()["properties"]) == set(Mapping.model_fields)
