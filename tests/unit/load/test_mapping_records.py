"""What a mapping sees as one record: items of lists, files without a header, records that share."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from dagster_project.contracts.mapping import Mapping


def mapping(**parts: Any) -> Mapping:
    return Mapping.model_validate(
        {"mapping": "export", "description": "An export.", "reference": "none", **parts}
    )


def load(landing, name: str, content: str, **parts: Any):
    landing.put(f"export/{name}", content)
    return landing.load(mappings={"export": mapping(**parts)})


def test_items_of_two_lists(landing):
    """Refunds that lie in an order beside its lines are lost, or counted once per line."""
    summary = load(
        landing,
        "orders.json",
        '[{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}], "refunds": [{"id": 9, "sum": "-2.5"}]},'
        '{"id": 2, "lines": [{"sku": "c"}], "refunds": []}, {"id": 3, "lines": []}]',
        explode=["lines", "refunds"],
        columns={
            "id": {},
            "lines.sku": {},
            "refunds.id": {},
            "refunds.sum": {"type": "money"},
        },
        leave_out={
            "empty": {
                "when": '"lines.sku" IS NULL AND "refunds.id" IS NULL',
                "description": "Nothing in it.",
            }
        },
        tables={
            "shop.order_lines": {
                "when": '"lines.sku" IS NOT NULL',
                "columns": {
                    "order_id": "id",
                    "line_number": "line_number(id)",
                    "product_id": '"lines.sku"',
                    "quantity": "1",
                    "unit_price": "1",
                },
            },
            "shop.refunds": {
                "when": '"refunds.id" IS NOT NULL',
                "columns": {
                    "refund_id": '"refunds.id"',
                    "order_id": "id",
                    "refunded_at": "'2026-01-01'",
                    "amount": '-1 * "refunds.sum"',
                },
            },
        },
    )
    assert (summary.records, summary.accepted, summary.left_out) == (5, 4, 1)
    assert landing.query(
        "SELECT order_id, line_number, product_id, _extra FROM shop.order_lines ORDER BY ALL"
    ) == [("1", 1, "a", None), ("1", 2, "b", None), ("2", 1, "c", None)]
    assert landing.query("SELECT refund_id, order_id, amount FROM shop.refunds") == [
        ("9", "1", Decimal("2.50"))
    ]


def test_items_of_a_list_within_a_list(landing):
    """Of a page of people, each with a list of what they did, only the page is seen."""
    summary = load(
        landing,
        "page.json",
        '{"people": [{"mail": "a@example.org", "did": [{"what": "open"}, {"what": "click"}]},'
        ' {"mail": "b@example.org", "did": []}], "total": 2}',
        explode="people.did",
        columns={"people.mail": {}, "people.did.what": {}},
        tables={
            "crm.contacts": {
                "columns": {
                    "contact_id": "line_number()",
                    "email": '"people.mail"',
                    "lifecycle_stage": '"people.did.what"',
                }
            }
        },
    )
    assert (summary.records, summary.accepted) == (3, 3)
    assert landing.query(
        "SELECT contact_id, email, lifecycle_stage FROM crm.contacts ORDER BY 1"
    ) == [
        ("1", "a@example.org", "open"),
        ("2", "a@example.org", "click"),
        ("3", "b@example.org", None),
    ]


def test_one_record_makes_two_rows_of_a_table(landing):
    """Somebody who forbade calls and e-mails is still called, or the rows are not counted."""
    summary = load(
        landing,
        "people 2026-03-04.csv",
        "id,no_mail,no_call\n1,yes,yes\n2,no,yes\n3,no,no\n",
        columns={"id": {}, "no_mail": {"type": "boolean"}, "no_call": {"type": "boolean"}},
        tables={
            "crm.contacts": {"columns": {"contact_id": "id"}},
            "crm.consents": [
                {
                    "when": f"no_{word}",
                    "columns": {
                        "contact_id": "id",
                        "purpose": purpose,
                        "status": "'withdrawn'",
                        "effective_at": "delivered_on()",
                    },
                }
                for word, purpose in (("mail", "'email'"), ("call", "'call'"))
            ],
        },
    )
    assert (summary.records, summary.accepted) == (3, 3)
    day = datetime(2026, 3, 4)
    assert landing.query(
        "SELECT contact_id, purpose, effective_at FROM crm.consents ORDER BY ALL"
    ) == [("1", "call", day), ("1", "email", day), ("2", "call", day)]


def test_row_that_one_way_refuses_takes_the_record_along(landing):
    """A record is half loaded: the first row that it makes of a table, without the second."""
    consent = {"contact_id": "id", "status": "'granted'", "effective_at": "'2026-01-01'"}
    summary = load(
        landing,
        "people.csv",
        "id,second\n1,call\n2,shout\n",
        columns={"id": {}, "second": {}},
        tables={
            "crm.consents": [
                {"columns": {**consent, "purpose": "'email'"}},
                {"columns": {**consent, "purpose": "second"}},
            ]
        },
    )
    assert (summary.accepted, summary.quarantined) == (1, 1)
    assert landing.query("SELECT contact_id, purpose FROM crm.consents ORDER BY ALL") == [
        ("1", "call"),
        ("1", "email"),
    ]


def test_what_only_the_first_of_several_records_says(landing):
    """Variants of an article have no name, because the export writes it on the first one only."""
    load(
        landing,
        "articles.csv",
        "handle,sku,title\ncup,c1,\npen,p1,Pen\ncup,c2,Cup\npen,p2,\n",
        columns={"handle": {}, "sku": {}, "title": {}},
        tables={
            "shop.products": {
                "columns": {"product_id": "sku", "name": "first_of(title, handle)"},
            }
        },
    )
    assert landing.query("SELECT product_id, name FROM shop.products ORDER BY 1") == [
        ("c1", "Cup"),
        ("c2", "Cup"),
        ("p1", "Pen"),
        ("p2", "Pen"),
    ]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"name": "first_of(title)"}, "first_of takes a value and a key"),
        ({"name": "max(title)", "brand": "first_of(title, handle)"}, "brand needs first, min"),
        ({"name": "json_find(max(title), 'a', 'b', '$.c')"}, "go around json_find"),
        ({"name": "json_extract_string(title, handle)"}, "plain text"),
    ],
)
def test_expression_that_the_engine_would_stumble_over(columns, says):
    """A mapping's mistake ends the run in the middle of a load, not when the file is read."""
    with pytest.raises(ValidationError, match=says):
        mapping(
            columns={"handle": {}, "title": {}},
            tables={"shop.products": {"columns": {"product_id": "handle", **columns}}},
        )


@pytest.mark.parametrize("when", ["line_number() = 1", "first_of(title, handle) = 'x'"])
def test_condition_over_several_records(when):
    """A condition that no engine can put into WHERE ends the run in the middle of a load."""
    with pytest.raises(ValidationError, match="only over one record"):
        mapping(
            columns={"handle": {}, "title": {}},
            tables={"shop.products": {"when": when, "columns": {"product_id": "handle"}}},
        )


CALLS = {
    "settings": {"header": ["account", "who", "at", "id"]},
    "columns": {"who": {}, "at": {"type": "timestamp"}, "id": {}},
    "tables": {
        "crm.contacts": {
            "columns": {"contact_id": "coalesce(id, who)", "created_at": "at", "last_name": "who"}
        }
    },
}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            '"","anna","2026-01-02 03:04:05","x1"|"","ben, jr","2026-01-03 03:04:05","x2"',
            [("x1", "anna", None), ("x2", "ben, jr", None)],
        ),
        ("a,who,2026-01-02 03:04:05", [("who", "who", '{"account":"a"}')]),
        (
            "|a,who,2026-01-02 03:04:05,id,more",
            [("id", "who", '{"account":"a","column_5":"more"}')],
        ),
    ],
)
def test_file_without_a_header(landing, rows, expected, end):
    """The first call of every day is taken for a header and lost."""
    summary = load(landing, "calls.csv", end.join(rows.split("|")) + end, **CALLS)
    assert (summary.records, summary.accepted) == (len(expected), len(expected))
    assert (
        landing.query("SELECT contact_id, last_name, _extra FROM crm.contacts ORDER BY _line")
        == expected
    )


def test_damaged_record_of_a_file_without_a_header(landing):
    """A call's line in quarantine is not the line that it stands on."""
    summary = load(
        landing, "calls.csv", "a,who,2026-01-02 03:04:05,1\nb,who\n,x,2026-01-02,2\n", **CALLS
    )
    assert (summary.records, summary.accepted, summary.quarantined) == (3, 2, 1)
    assert landing.query("SELECT line, reason, original FROM ledger.quarantine") == [
        (2, "field_count", "b,who")
    ]
    assert landing.query("SELECT _line FROM crm.contacts ORDER BY 1") == [(1,), (3,)]


def test_list_that_is_no_json(landing):
    """One contact's damaged list of fields keeps the whole file out."""
    field = "json_find(fields, 'code', '{}', '$.value')"
    summary = load(
        landing,
        "people.csv",
        'id,fields\n1,x[\n2,"[{""code"": ""PHONE"", ""value"": ""+1""}]"\n3,\n',
        columns={"id": {}, "fields": {}},
        tables={
            "crm.contacts": {
                "columns": {
                    "contact_id": "id",
                    "phone": field.format("PHONE"),
                    "email": field.format("EMAIL"),
                    "company": "json_extract_string(fields, '$[0].code')",
                }
            }
        },
    )
    assert (summary.accepted, summary.quarantined) == (3, 0)
    assert landing.query("SELECT contact_id, phone, company FROM crm.contacts ORDER BY 1") == [
        ("1", None, None),
        ("2", "+1", "PHONE"),
        ("3", None, None),
    ]


def test_rows_of_one_key_may_use_what_their_records_share(landing):
    """Variants of one article number overwrite each other: the last one's stock stands for all."""
    mapping = Mapping.model_validate(
        {
            "mapping": "export",
            "description": "x",
            "columns": {
                "handle": {},
                "title": {},
                "sku": {},
                "stock": {"type": "quantity"},
            },
            "tables": {
                "shop.products": {
                    "columns": {
                        "product_id": "coalesce(sku, first_of(title, handle))",
                        "name": "first(first_of(title, handle))",
                        "stock_on_hand": "sum(stock)",
                    }
                }
            },
        }
    )
    landing.put(
        "export/products.csv",
        "handle,title,sku,stock\nboot,Boot,B-1,4\nboot,,B-1,6\nboot,,B-1,0\nhat,Hat,,2\nhat,,,3\n",
    )
    landing.load(mappings={"export": mapping})
    assert landing.query(
        "SELECT product_id, name, stock_on_hand FROM shop.products ORDER BY 1"
    ) == [
        ("B-1", "Boot", 10),
        ("Hat", "Hat", 5),
    ]


def test_the_name_of_a_column_in_the_file_is_a_value(landing):
    """Spend in pesos is spend without a currency, because only the header says which it is."""
    mapping = Mapping.model_validate(
        {
            "mapping": "export",
            "description": "x",
            "columns": {
                "day": {"type": "date"},
                "spent": {"type": "money", "aliases": ["Spent (*)"]},
            },
            "tables": {
                "marketing.ad_spend": {
                    "columns": {
                        "spend_date": "day",
                        "channel": "'x'",
                        "campaign_id": "'1'",
                        "cost": "spent",
                        "currency": "regexp_extract(header_of(spent), '[(]([A-Z]+)[)]', 1)",
                    }
                }
            },
        }
    )
    landing.put("export/a.csv", "day,Spent (MXN)\n2026-01-01,5\n")
    landing.put("export/b.csv", "day,Spent (EUR)\n2026-01-02,6\n")
    landing.load(mappings={"export": mapping})
    assert landing.query("SELECT cost, currency FROM marketing.ad_spend ORDER BY 1") == [
        (5, "MXN"),
        (6, "EUR"),
    ]


LINES = {
    "columns": {
        "bon": {},
        "article": {},
        "amount": {"type": "money"},
        "qty": {"type": "quantity"},
        "tax": {"type": "money"},
    },
    "tables": {
        "shop.order_lines": {
            "columns": {
                "order_id": "bon",
                "line_number": "line_number(bon)",
                "product_id": "article",
                "quantity": "coalesce(qty, 1)",
                "unit_price": "(amount - tax) / qty",
            }
        }
    },
}


def messages(landing) -> list[str]:
    return [m for (m,) in landing.query("SELECT message FROM ledger.quarantine ORDER BY line")]


def test_the_operand_that_failed_is_named(landing):
    """A sender is told that a price is missing, and looks for a price that stands there."""
    load(
        landing,
        "bons.csv",
        "bon,article,amount,qty,tax\n1,a,10,0,1\n2,b,,2,1\n3,c,10,2,1\n4,d,10,x,1\n",
        **LINES,
    )
    zero, empty, text = messages(landing)
    assert "qty is 0 in (amount - tax) / qty." in zero
    assert "amount is empty." in empty
    assert " is 0 in " not in empty
    assert "The text of qty could not be read." in text
    assert landing.query("SELECT unit_price FROM shop.order_lines") == [(Decimal("4.5"),)]


def test_the_operand_of_a_group_is_named(landing):
    """Of the records that make one row together, the sender is shown none."""
    load(
        landing,
        "bons.csv",
        "bon,article,amount,qty,tax\n1,a,10,0,1\n1,a,5,0,1\n2,b,10,2,1\n",
        columns=LINES["columns"],
        tables={
            "shop.order_lines": {
                "key": ["order_id"],
                "columns": {
                    "order_id": "bon",
                    "line_number": "min(1)",
                    "product_id": "first(article)",
                    "quantity": "sum(qty)",
                    "unit_price": "sum(amount) / sum(qty)",
                },
            }
        },
    )
    assert ["SUM(qty) is 0 in SUM(amount) / SUM(qty)." in text for text in messages(landing)] == [
        True,
        True,
    ]


def test_a_column_that_is_not_in_the_file_is_said_to_be_absent(landing):
    """A sender looks for empty cells in a column that the export did not have."""
    load(landing, "bons.csv", "bon,article,qty,tax\n1,a,2,1\n", **LINES)
    assert "amount is not in the file." in messages(landing)[0]
