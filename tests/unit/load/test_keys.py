"""Keys: what supersedes what, what contradicts, whose numbers are whose, what never meets."""

import pytest
import yaml

from dagster_project.load.dry_run.check import check_path
from dagster_project.load.ledger.accounting import ledger_warnings, older_versions
from tests.unit.load.conftest import Landing

ORDERS = "order_id,ordered_at,status,total_amount,account_id,updated_at\n"


def versions(landing: Landing) -> list[tuple]:
    return landing.query(
        "SELECT path, table_name, rows, older, conflicts, is_blocking FROM ledger.key_versions "
        "ORDER BY ALL"
    )


def summary(landing: Landing) -> dict:
    """What the manifest, the report and ``status`` say."""
    return {
        "key_versions": [
            {
                "source": source,
                "table_name": table,
                "files": files,
                "older": older,
                "messages": messages,
            }
            for source, table, files, older, messages in landing.query(
                "SELECT source, system || '.' || table_name, count(*), sum(older), "
                "list(message) FILTER (WHERE message <> '') FROM ledger.key_versions GROUP BY ALL"
            )
        ]
    }


def test_superseded_records_are_counted(landing):
    """5,295 accepted, 1,165 in the marts, and no word of where the others are."""
    landing.put(
        "shop/orders_2026-01-01.csv", ORDERS + "1,2026-01-01,paid,5,,\n2,2026-01-01,paid,6,,\n"
    )
    landing.put("shop/orders_2026-01-02.csv", ORDERS + "1,2026-01-01,refunded,5,,\n")
    loaded = landing.load()
    assert versions(landing) == [("shop/orders_2026-01-01.csv", "orders", 2, 1, 0, False)]
    assert "1 older version in shop.orders" in "".join(m.text for m in loaded.messages)
    assert older_versions(summary(landing)) == [
        "shop.orders: 1 older version of records of shop.orders, in 1 file"
    ]
    # What a later file supersedes is counted of the earlier one.
    landing.put("shop/orders_2026-01-03.csv", ORDERS + "2,2026-01-01,paid,7,,\n")
    landing.load()
    assert versions(landing) == [("shop/orders_2026-01-01.csv", "orders", 2, 2, 0, False)]


def test_one_key_with_several_contents_is_a_conflict(landing, tmp_path):
    """Two rows of spend of one day: 7.00 instead of 17.00, in silence."""
    text = "spend_date,channel,campaign_id,cost\n2026-03-01,google,g1,10\n2026-03-01,google,g1,7\n"
    landing.put("marketing/ad_spend.csv", text + "2026-03-02,google,g1,1\n")
    loaded = landing.load()
    assert versions(landing) == [("marketing/ad_spend.csv", "ad_spend", 3, 1, 1, False)]
    [warning] = [m for m in loaded.messages if m.reason == "conflicting_keys"]
    assert "lines 2, 3" in warning.text
    assert ledger_warnings(summary(landing)) == [warning.text]
    own = tmp_path / "own" / "contracts"
    own.mkdir(parents=True)
    for share, is_blocking in ((0.7, False), (0.6, True)):
        settings = {"settings": {"conflicts_block_above": share}}
        folder = tmp_path / str(share)
        (folder / "contracts").mkdir(parents=True)
        (folder / "contracts" / "marketing.yml").write_text(yaml.safe_dump(settings))
        landing.settings = landing.settings.model_copy(update={"project_dir": folder})
        landing.load(full_refresh=True)
        assert versions(landing)[0][-1] is is_blocking


@pytest.mark.parametrize(
    ("rows", "conflicts"),
    [
        # The same record twice is one record.
        ("1,2026-01-01,paid,5,,\n1,2026-01-01,paid,5,,\n", 0),
        # A log of changes says itself which is newer.
        ("1,2026-01-01,paid,5,,2026-01-01\n1,2026-01-01,paid,6,,2026-01-02\n", 0),
        ("1,2026-01-01,paid,5,,2026-01-01\n1,2026-01-01,paid,6,,2026-01-01\n", 1),
        ("1,2026-01-01,paid,5,,\n1,2026-01-01,paid,6,,\n1,2026-01-01,paid,7,,\n", 1),
    ],
)
def test_what_is_no_conflict(landing, rows: str, conflicts: int):
    """A log of changes raises a warning every day, and nobody reads warnings any more."""
    landing.put("shop/orders.csv", ORDERS + rows)
    landing.load()
    assert [row[4] for row in versions(landing)] == [conflicts]


def test_check_shows_conflicting_keys_and_the_ledger_does_not(landing):
    """A sender looks for the two lines in a file of a million; a key is a person's address."""
    landing.put("shop/orders.csv", ORDERS + "A-1,2026-01-01,paid,5,,\nA-1,2026-01-01,paid,6,,\n")
    landing.put(
        "crm/contacts.csv", "contact_id,city\nann@example.com,x\nann@example.com,y\nC2,x\nC2,y\n"
    )
    report = check_path(landing.settings.landing_dir, landing.settings)
    found = {f.path: f for f in report.findings if f.reason == "conflicting_keys"}
    assert found["shop/orders.csv"].examples == ("A-1",)
    assert found["crm/contacts.csv"].examples == ("C2",)
    assert {file.path: file.older for file in report.files} == {
        "shop/orders.csv": 1,
        "crm/contacts.csv": 2,
    }
    assert report.is_clean
    landing.load()
    kept = str(landing.query("SELECT * FROM ledger.key_versions"))
    assert "ann@" not in kept
    assert "A-1" not in kept


def test_instances_keep_their_numbers_apart(landing):
    """Order 1002 of the German shop takes the place of order 1002 of the American one."""
    accounts = "account_id,email,referred_by_account_id\n7,{}@example.com,8\n"
    for shop in ("us", "eu"):
        landing.put(f"shop@{shop}/accounts.csv", accounts.format(shop))
        landing.put(f"shop@{shop}/orders.csv", ORDERS + f"1002,2026-01-01,paid,{len(shop)},7,\n")
        landing.put(
            f"marketing@{shop}/experiment_assignments.csv",
            "experiment_id,subject_kind,subject_id,variant,assigned_at\n"
            "e,account,7,a,2026-01-01\ne,email,ann@example.com,a,2026-01-01\n",
        )
    # The same bytes under a third shop.
    landing.put("shop/orders.csv", ORDERS + "1002,2026-01-01,paid,2,7,\n")
    landing.load()
    assert landing.query("SELECT order_id, account_id FROM shop.orders ORDER BY 1") == [
        ("1002", "7"),
        ("eu:1002", "eu:7"),
        ("us:1002", "us:7"),
    ]
    assert landing.query(
        "SELECT account_id, email, referred_by_account_id FROM shop.accounts ORDER BY 1"
    ) == [("eu:7", "eu@example.com", "eu:8"), ("us:7", "us@example.com", "us:8")]
    assert landing.query(
        "SELECT experiment_id, subject_id FROM marketing.experiment_assignments ORDER BY ALL"
    ) == [
        ("eu:e", "ann@example.com"),
        ("eu:e", "eu:7"),
        ("us:e", "ann@example.com"),
        ("us:e", "us:7"),
    ]
    assert landing.query(
        "SELECT sum(missing) FROM ledger.missing_parents WHERE reference LIKE 'shop.orders%'"
    ) == [(1,)]
    # One shop's file goes on being its own.
    landing.put("shop@eu/orders.csv", ORDERS + "1003,2026-01-01,paid,2,7,\n")
    landing.load()
    assert landing.query("SELECT order_id FROM shop.orders ORDER BY 1") == [
        ("1002",),
        ("eu:1003",),
        ("us:1002",),
    ]


def test_instances_of_a_mapping(landing):
    """Two stores export the same order numbers, and one of them sells nothing."""
    text = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    for shop in ("de", "fr"):
        landing.put(
            f"uci_online_retail@{shop}/2010-12-01.csv",
            text + "536365,85123A,HOLDER,6,2010-12-01 08:26,2.55,17850,United Kingdom\n",
        )
    landing.load()
    assert landing.query("SELECT order_id, account_id FROM shop.orders ORDER BY 1") == [
        ("de:536365", "de:17850"),
        ("fr:536365", "fr:17850"),
    ]
    assert landing.query("SELECT DISTINCT order_id FROM shop.order_lines ORDER BY 1") == [
        ("de:536365",),
        ("fr:536365",),
    ]


def test_an_instance_with_an_odd_name_is_refused(landing):
    """A misspelt folder makes a second company of the first one's records."""
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    landing.put("crm@DE/contacts.csv", "contact_id\n1\n")
    landing.put("crm@/contacts.csv", "contact_id\n1\n")
    loaded = landing.load()
    assert loaded.files_quarantined == 2
    assert all("small letters" in message.text for message in loaded.problems)


@pytest.mark.parametrize(
    ("accounts", "named", "writing"),
    [
        (("2001", "2002"), ("2001.0", "2002.0"), "without .0"),
        (("123", "124"), ("00123", "00124"), "without leading zeros"),
        (("00123", "00124"), ("123", "124"), "without leading zeros"),
        (
            ("0035g00000AbCdEAAV", "0035g00000AbCdFAAV"),
            ("0035g00000AbCdE", "0035g00000AbCdF"),
            "first 15 of 18",
        ),
        (("ab-1", "ab-2"), ("AB-1", "AB-2"), "one case"),
        (("1", "2"), ("x", "y"), ""),
    ],
)
def test_references_that_never_meet_are_told(landing, accounts, named, writing):
    """The CRM writes 2001 and the shop 2001.0: no order has a customer, and nobody is told why."""
    landing.put("shop/accounts.csv", "account_id,email\n" + "".join(f"{a},\n" for a in accounts))
    rows = "".join(f"{n},2026-01-01,paid,5,{a},\n" for n, a in enumerate(named))
    landing.put("shop/orders.csv", ORDERS + rows)
    loaded = landing.load()
    [(rows, missing, is_odd, message)] = landing.query(
        "SELECT rows, missing, is_odd, message FROM ledger.missing_parents "
        "WHERE reference = 'shop.orders.account_id'"
    )
    assert (rows, missing, is_odd) == (2, 2, True)
    assert writing in message
    assert message in [m.text for m in loaded.messages]
    assert not any(value in message for value in (*accounts, *named) if len(value) > 2)


def test_a_few_missing_parents_are_data(landing):
    """Every new customer's first order raises a warning."""
    landing.put("shop/accounts.csv", "account_id,email\n" + "".join(f"{n},\n" for n in range(9)))
    rows = "".join(f"{n},2026-01-01,paid,5,{n},\n" for n in range(12))
    landing.put("shop/orders.csv", ORDERS + rows)
    landing.load()
    assert landing.query(
        "SELECT rows, missing, is_odd, message FROM ledger.missing_parents "
        "WHERE reference = 'shop.orders.account_id'"
    ) == [(12, 3, False, "")]


def test_a_file_of_which_nothing_is_accepted_is_told(landing):
    """A whole export is left out by a rule, and the run ends as if all were well."""
    landing.put("crm/contacts.csv", "contact_id\n1\n")
    landing.put("shop/orders.csv", ORDERS + ",2026-01-01,paid,5,,\n")
    landing.put("shop/accounts.csv", "account_id,email\n,\n")
    landing.put("shop/products.csv", "product_id,name\n")
    loaded = landing.load()
    assert loaded.files_empty == 2
    assert sorted(m.path for m in loaded.problems) == ["shop/accounts.csv", "shop/orders.csv"]
    left_out = landing.settings.landing_dir / "shop" / "accounts.csv"
    assert not check_path(left_out, landing.settings).is_clean
    assert check_path(landing.settings.landing_dir / "crm", landing.settings).is_clean
