"""Vendors' exports: one record may feed several tables, and is accepted by all or by none."""

from decimal import Decimal

import pytest

from dagster_project.contracts.mapping import Mapping

EXPORT = Mapping.model_validate(
    {
        "mapping": "tills",
        "description": "Receipts of a till, one line each.",
        "reference": "none",
        "columns": {
            "receipt": {"required": True},
            "article": {},
            "units": {"type": "quantity"},
            "price": {"type": "unit_price"},
            "at": {"type": "timestamp"},
            "state": {},
            "note": {},
        },
        "leave_out": {"training": {"when": "note = 'training'", "description": "Practice."}},
        "tables": {
            "shop.orders": {
                "when": "receipt NOT LIKE 'P%'",
                "columns": {
                    "order_id": "receipt",
                    "ordered_at": "min(at)",
                    "status": "first(state)",
                    "total_amount": "sum(units * price)",
                    "sales_channel": "'pos'",
                },
            },
            "shop.order_lines": {
                "when": "receipt NOT LIKE 'P%'",
                "columns": {
                    "order_id": "receipt",
                    "line_number": "line_number(receipt)",
                    "product_id": "article",
                    "quantity": "units",
                    "unit_price": "price",
                },
            },
        },
    }
)
HEADER = "receipt,article,units,price,at,state,note,till\n"


def load(landing, rows: str, mapping: Mapping = EXPORT):
    landing.put("tills/day.csv", HEADER + rows)
    return landing.load(mappings={mapping.mapping: mapping})


def test_one_flat_file_feeds_two_tables(landing):
    """Orders and their lines disagree."""
    summary = load(
        landing,
        "1,a,2,1.50,2026-01-01 10:00,paid,,T1\n"
        "2,a,1,4,2026-01-01 11:00,paid,training,T1\n"
        "1,b,1,0.005,2026-01-01 09:00,paid,,T2\n",
    )
    assert (summary.accepted, summary.left_out, summary.quarantined) == (2, 1, 0)
    assert landing.query("SELECT order_id, total_amount, hour(ordered_at) FROM shop.orders") == [
        ("1", Decimal("3.01"), 9)
    ]
    assert landing.query(
        "SELECT order_id, line_number, product_id, _line, _extra FROM shop.order_lines ORDER BY 2"
    ) == [("1", 1, "a", 2, '{"till":"T1"}'), ("1", 2, "b", 4, '{"till":"T2"}')]
    assert landing.query("SELECT rule, records FROM ledger.left_out") == [("training", 1)]


def test_record_that_one_table_refuses_is_missing_from_all(landing):
    """An order's total holds a line that is in quarantine."""
    summary = load(
        landing,
        "1,a,2,1.50,2026-01-01 10:00,paid,,\n1,,1,99,2026-01-01 10:00,paid,,\n",
    )
    assert (summary.accepted, summary.quarantined) == (1, 1)
    assert landing.query("SELECT total_amount FROM shop.orders") == [(Decimal("3.00"),)]
    assert landing.query("SELECT line, column_name, reason, original FROM ledger.quarantine") == [
        (3, "shop.order_lines.product_id", "missing_value", "1,,1,99,2026-01-01 10:00,paid,,")
    ]


def test_row_that_its_table_refuses_takes_its_records_along(landing):
    """Lines of an order that was refused count without it."""
    summary = load(
        landing,
        "1,a,2,1.50,2026-01-01 10:00,mislaid,,\n1,b,1,1,2026-01-01 10:00,paid,,\n"
        "2,b,1,1,2026-01-01 10:00,paid,,\n",
    )
    assert (summary.accepted, summary.quarantined) == (1, 2)
    assert landing.query("SELECT order_id FROM shop.order_lines") == [("2",)]
    assert landing.query(
        "SELECT line, column_name, reason FROM ledger.quarantine ORDER BY line"
    ) == [(2, "shop.orders.status", "unknown_word"), (3, "shop.orders.status", "unknown_word")]


def test_record_that_no_table_takes(landing):
    """Records of a kind that nobody thought of vanish."""
    summary = load(landing, "P1,a,1,1,2026-01-01,paid,,\n")
    assert (summary.accepted, summary.quarantined) == (0, 1)
    assert landing.query("SELECT reason FROM ledger.quarantine") == [("no_table",)]


def test_changed_mapping_loads_again_what_it_concerns(landing):
    """A corrected mapping changes only the days after it."""
    load(landing, "1,a,2,1.50,2026-01-01 10:00,paid,training,\n")
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    landing.load(mappings={"tills": EXPORT})
    changed = EXPORT.model_copy(update={"leave_out": {}})
    changed._definition = "changed"
    summary = landing.load(mappings={"tills": changed})
    assert (summary.files_opened, summary.accepted, summary.left_out) == (1, 1, 0)
    assert landing.query("SELECT count(*) FROM shop.orders") == [(1,)]
    assert landing.query("SELECT count(*) FROM ledger.left_out") == [(0,)]


def test_explode_and_paths(landing):
    """Lines that lie inside an order of a JSON export are lost."""
    mapping = Mapping.model_validate(
        {
            "mapping": "tills",
            "description": "Orders with their lines inside.",
            "reference": "none",
            "explode": "order.items",
            "columns": {
                "id": {"required": True},
                "order.at": {"type": "timestamp"},
                "order.items.sku": {},
                "order.items.n": {"type": "quantity"},
            },
            "tables": {
                "shop.order_lines": {
                    "columns": {
                        "order_id": "id",
                        "line_number": "line_number(id)",
                        "product_id": '"order.items.sku"',
                        "quantity": '"order.items.n"',
                        "unit_price": "1",
                    }
                }
            },
        }
    )
    landing.put(
        "tills/day.jsonl",
        '{"id": 1, "order": {"at": "2026-01-01", "items": [{"sku": "a", "n": 2}, '
        '{"sku": "b", "n": 1}]}}\n{"id": 2, "order": {"items": []}}\n',
    )
    summary = landing.load(mappings={"tills": mapping})
    assert (summary.records, summary.accepted, summary.quarantined) == (3, 2, 1)
    assert landing.query(
        "SELECT order_id, line_number, product_id, quantity FROM shop.order_lines ORDER BY 2"
    ) == [("1", 1, "a", Decimal(2)), ("1", 2, "b", Decimal(1))]


@pytest.mark.parametrize("text", ["'; DROP TABLE crm.contacts; --", "{{ x }}", "=1+1", "../../etc"])
def test_hostile_names_are_data(landing, text):
    """A column or file name is run as SQL."""
    name = text.replace("/", "_")
    header = text.replace('"', '""')
    landing.put(f"crm/contacts {name}.csv", f'contact_id,"{header}"\n1,"{header}"\n')
    landing.load()
    (row,) = landing.query(
        "SELECT json_extract_string(_extra, ?)".replace("?", "'$.*'") + " FROM crm.contacts"
    )
    assert row[0] == [text]


def test_header_with_a_flipped_byte(landing):
    """A NUL among the column names ends the run, because no SQL text can hold it."""
    landing.put("crm/contacts.csv", b"contact_id,na\x00me\n1,x\n")
    assert landing.load().accepted == 1
    assert landing.query("SELECT _extra FROM crm.contacts") == [('{"na\ufffdme":"x"}',)]


def test_file_that_the_mapping_does_not_read(landing):
    """A picture or a note beside an export is loaded as one, or passed over unsaid."""
    landing.put("tills/day.csv", HEADER + "1,a,2,1.50,2026-01-01 10:00,paid,,\n")
    landing.put("tills/NOTES.TXT", "receipt,article\n9,a\n")
    mapping = EXPORT.model_copy(update={"files": ("*.csv", "day*.json")})
    summary = landing.load(mappings={"tills": mapping})
    assert (summary.files_loaded, summary.files_quarantined) == (1, 1)
    (message,) = [found for found in summary.messages if found.reason == "unknown_file"]
    assert message.path == "tills/NOTES.TXT"
    assert "*.csv or day*.json" in message.text


def test_lines_that_are_no_records(landing):
    """The line of totals below a report is a broken record, or one of sales."""
    settings = EXPORT.settings.model_copy(update={"comment": "Total:"})
    mapping = EXPORT.model_copy(update={"settings": settings})
    summary = load(landing, "1,a,2,1.50,2026-01-01 10:00,paid,,\nTotal: 1 row\n", mapping=mapping)
    assert (summary.records, summary.accepted) == (1, 1)
