"""Orders that are not whole: a line was refused, or the source gives no total."""

ORDERS = "order_id,ordered_at,status\no1,2026-01-01,paid\no2,2026-01-02,paid\n"
LINES = (
    "order_id,line_number,product_id,quantity,unit_price\n"
    "o1,1,a,1,5\no1,2,b,many,5\no1,3,c,few,5\no2,1,a,1,5\n,1,a,none,5\n"
)
PARTS = "SELECT table_name, line, whole_id FROM ledger.quarantined_parts ORDER BY line"


def test_orders_that_lack_a_line_are_known(landing):
    """An order's money is shared among some of its lines, and nobody sees that some are missing."""
    landing.put("shop/orders.csv", ORDERS)
    landing.put("shop/order_lines.csv", LINES)
    summary = landing.load()
    assert landing.query(PARTS) == [("shop.order_lines", 3, "o1"), ("shop.order_lines", 4, "o1")]
    said = [message.text for message in summary.messages if message.reason == "orders_incomplete"]
    assert said == ["shop/order_lines.csv: 1 order without a line that went to quarantine."]


def test_an_order_is_whole_again_when_its_file_is_corrected(landing):
    """An order stays marked for ever, although its line was delivered."""
    landing.put("shop/order_lines.csv", LINES)
    landing.load()
    landing.put("shop/order_lines.csv", LINES.replace("many", "1").replace("few", "2"))
    landing.load()
    assert landing.query(PARTS) == []


def test_instances_keep_their_orders_apart(landing):
    """An order of one shop is marked for the refused line of another's."""
    landing.put("shop@outlet/order_lines.csv", LINES)
    landing.load()
    (whole,) = {row[2] for row in landing.query(PARTS)}
    assert landing.query(f"SELECT count(*) FROM shop.order_lines WHERE order_id = '{whole}'") == [
        (1,)
    ]


def test_lines_of_an_export_that_were_refused_name_their_order(landing):
    """A vendor's order is taken for whole although a row of it is in quarantine."""
    landing.put(
        "shopify_orders/orders.csv",
        "Name,Id,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,"
        "Lineitem price\n"
        "#1,71,paid,EUR,20.00,2026-01-10 10:00:00 +0100,1,Mug,10.00\n"
        "#1,,,,,2026-01-10 10:00:00 +0100,1,Cup,dear\n",
    )
    summary = landing.load()
    assert (summary.accepted, summary.quarantined) == (1, 1)
    assert landing.query(PARTS) == [("shop.order_lines", 3, "71")]


def test_a_total_may_be_absent_and_never_wrong(landing):
    """A total that cannot be read is taken for none, and the order for the sum of its lines."""
    landing.put(
        "shop/orders.csv",
        "order_id,ordered_at,status,total_amount\n"
        "none,2026-01-01,paid,\nbad,2026-01-01,paid,about ten\nread,2026-01-01,paid,10\n",
    )
    landing.load()
    assert landing.query("SELECT order_id FROM shop.orders ORDER BY 1") == [("none",), ("read",)]
    assert landing.query("SELECT level, reason, column_name FROM ledger.quarantine") == [
        ("row", "invalid_value", "total_amount")
    ]
