"""A company's own definitions outside the clone: HOURGLASS_PROJECT_DIR over what is shipped."""

import pytest

from dagster_project.contracts import load_contract
from dagster_project.contracts.mapping import load_mappings
from dagster_project.errors import UsageError
from dagster_project.load import load_landing
from dagster_project.publish.inputs import input_parts
from dagster_project.settings import Settings, load_settings
from dagster_project.warehouse import connect_file

OWN_MAPPING = """mapping: our_till
description: The till's export.
columns:
  Bon: {required: true}
  Datum: {type: timestamp}
  Betrag: {type: money}
tables:
  shop.orders:
    columns:
      order_id: Bon
      ordered_at: Datum
      status: "'paid'"
      total_amount: Betrag
"""


@pytest.fixture
def own(tmp_path):
    """A project folder; ``write(name, text)`` puts a file into it."""
    folder = tmp_path / "project"
    folder.mkdir()

    def write(name: str, text: str):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return folder

    return write


def loaded(tmp_path, project_dir, files):
    data = tmp_path / "data"
    for name, text in files.items():
        path = data / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    con = connect_file(":memory:", allowed_dirs=[data], threads=1, keep_order=True)
    load_landing(con, Settings(data_dir=data, project_dir=project_dir), run_id="test")
    return con


def test_own_mapping_alias_setting_and_word_are_read(tmp_path, own):
    """What a company writes into its own folder does nothing."""
    own("mappings/our_till.yml", OWN_MAPPING)
    own("words/order_statuses.csv", "word,status\nabgeholt,completed\n")
    folder = own(
        "contracts/shop.yml",
        "tables:\n  orders:\n    settings: {time_zone: Europe/Moscow}\n"
        "    aliases: {order_id: [Bestellnummer]}\n",
    )
    con = loaded(
        tmp_path,
        folder,
        {
            "our_till/bons.csv": "Bon,Datum,Betrag\nB1,2026-01-10 09:00,5.00\n",
            "shop/orders.csv": "Bestellnummer,ordered_at,status,total_amount\n"
            "O1,2026-01-10 12:00,Abgeholt,7.00\nO2,2026-01-10 12:00,shipped,8.00\n",
        },
    )
    assert con.execute(
        "SELECT order_id, hour(ordered_at), status FROM shop.orders ORDER BY 1"
    ).fetchall() == [("B1", 9, "paid"), ("O1", 9, "completed"), ("O2", 9, "shipped")]


def test_own_mapping_takes_the_place_of_the_shipped_one(own):
    """A company corrects a mapping, and the shipped one goes on."""
    folder = own("mappings/ga4.yml", OWN_MAPPING.replace("our_till", "ga4"))
    assert load_mappings(folder)["ga4"].description == "The till's export."
    assert set(load_mappings(folder)) == set(load_mappings())


def test_a_mapping_that_was_changed_is_read_again(own):
    """A mapping is corrected, and Dagster's processes go on with that of yesterday."""
    folder = own("mappings/our_till.yml", OWN_MAPPING)
    assert load_mappings(folder)["our_till"].columns["Betrag"].type == "money"
    own("mappings/our_till.yml", OWN_MAPPING.replace("type: money", "type: text"))
    assert load_mappings(folder)["our_till"].columns["Betrag"].type == "text"


def test_no_folder_changes_nothing(own):
    """An empty project folder takes the shipped definitions away."""
    folder = own("README", "")
    assert load_contract(folder) == load_contract()
    assert load_mappings(folder) == load_mappings()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("contracts/shop.yml", "tables:\n  order: {}\n", "Did you mean orders"),
        (
            "contracts/shop.yml",
            "tables:\n  orders: {aliases: {oder_id: [x]}}\n",
            "Did you mean order_id",
        ),
        ("contracts/till.yml", "settings: {}\n", "no system till"),
        ("contracts/shop.yml", "settings: {time_zon: UTC}\n", "time_zon"),
    ],
)
def test_a_slip_in_an_own_contract_is_named(own, name, text, said):
    """A misspelt table or column of one's own is ignored, unsaid."""
    folder = own(name, text)
    with pytest.raises(UsageError, match=said) as error:
        load_contract(folder)
    assert str(folder / name) in str(error.value)


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    """A misspelt HOURGLASS_PROJECT_DIR leaves out all that is one's own."""
    monkeypatch.setenv("HOURGLASS_PROJECT_DIR", str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="HOURGLASS_PROJECT_DIR"):
        load_mappings(load_settings().project_dir)


def test_a_changed_own_definition_is_a_changed_input(tmp_path, own):
    """A run after a change of one's own mapping says that there is nothing to build."""
    folder = own("mappings/our_till.yml", OWN_MAPPING)
    con = connect_file(":memory:")
    con.execute("CREATE SCHEMA control; CREATE TABLE control.parameters (as_of DATE)")
    settings = Settings(data_dir=tmp_path / "data", project_dir=folder)
    before = input_parts(settings, con)
    assert input_parts(settings, con) == before
    own("mappings/our_till.yml", OWN_MAPPING.replace("Betrag", "Summe"))
    assert input_parts(settings, con) != before
