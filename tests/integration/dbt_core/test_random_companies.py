"""The sales models against loops over random small companies, to the cent."""

from decimal import Decimal

import pytest

from tests.integration.dbt_core.conftest import Warehouse
from tests.integration.dbt_core.naive import Oracle
from tests.integration.dbt_core.random_company import random_company

MARTS = ("orders", "order_lines", "unallocated_refunds", "retention_monthly")


def in_cents(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * 100)


@pytest.mark.parametrize("seed", range(40))
def test_money_is_that_of_the_definitions(warehouse: Warehouse, seed: int):
    """Revenue, refunds or margin in every report are wrong by at least a cent."""
    company = random_company(seed)
    oracle = Oracle(company)
    warehouse.build(company, until=warehouse.project.with_ancestors(*MARTS))

    assert warehouse.rows("select * from intermediate.int_missing_rates") == []
    orders = {
        row["order_id"]: (
            row["customer_id"],
            row["order_date"],
            row["is_sale"],
            in_cents(row["refunded_amount"]),
            in_cents(row["net_revenue"]),
            in_cents(row["gross_margin"]),
            row["order_number"],
        )
        for row in warehouse.rows("select * from marts.orders")
    }
    assert orders == {
        order.order_id: (
            order.customer,
            order.day,
            order.is_sale,
            order.refunded,
            order.net,
            order.margin,
            order.number,
        )
        for order in oracle.orders.values()
    }
    lines = {
        (row["order_id"], row["line_number"]): (
            in_cents(row["gross_revenue"]),
            in_cents(row["refunded_amount"]),
            row["returned_quantity"],
            in_cents(row["net_revenue"]),
        )
        for row in warehouse.rows("select * from marts.order_lines where is_order_known")
    }
    assert lines == {
        (order.order_id, line.number): (line.gross, line.refunded, line.returned, line.net)
        for order in oracle.orders.values()
        for line in order.lines
    }
    unallocated = {
        row["refund_id"]: in_cents(row["amount"])
        for row in warehouse.rows("select * from marts.unallocated_refunds")
    }
    assert unallocated == oracle.unallocated

    retention = {
        row["month"]: (
            row["customers_at_start"],
            row["customers_at_end"],
            row["new_customers"],
            row["reactivated_customers"],
            row["retained_customers"],
        )
        for row in warehouse.rows("select * from marts.retention_monthly")
    }
    assert retention == oracle.retention()


@pytest.mark.parametrize("seed", range(40, 50))
def test_lines_add_up_to_their_order(warehouse: Warehouse, seed: int):
    """A product report and an order report of the same month show different money."""
    warehouse.build(random_company(seed), until=warehouse.project.with_ancestors(*MARTS))
    assert (
        warehouse.rows(
            """
            select o.order_id
            from marts.orders as o
            inner join (
                select
                    order_id,
                    sum(gross_revenue) as gross,
                    sum(refunded_amount) as refunded,
                    sum(net_revenue) as net
                from marts.order_lines
                group by order_id
            ) as l on o.order_id = l.order_id
            where l.gross <> o.gross_revenue
                or l.refunded <> o.refunded_amount
                or l.net <> o.net_revenue
            """
        )
        == []
    )
