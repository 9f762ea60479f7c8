"""What the company has once: goods, campaigns with their cost, rates, agents, summed truth."""

import numpy as np
import pyarrow as pa

from dagster_project.sample import rates
from dagster_project.sample.columns import NONE, cat, day, money, number, pick, stamp
from dagster_project.sample.draw import DAY, generator
from dagster_project.sample.journeys import Sessions
from dagster_project.sample.layout import Files
from dagster_project.sample.marketing import EXPERIMENTS
from dagster_project.sample.purchases import CHANNELS, Purchases, Touches
from dagster_project.sample.world import (
    BRANDS,
    CATEGORIES,
    DELIVERY,
    DELIVERY_PRICE,
    World,
)

_COST_PER_CLICK = {"paid_search": 145, "paid_social": 96, "display": 44, "affiliates": 160}
_SHOWN_PER_CLICK = {"paid_search": 22, "paid_social": 90, "display": 400, "affiliates": 15}


class Sums:
    """What is counted over all chunks: visits per day and campaign, touches per channel."""

    def __init__(self, world: World) -> None:
        self.visits = np.zeros((world.calendar.days, len(world.campaigns.ids)), dtype=np.int64)
        self.failed = np.zeros(len(CHANNELS), dtype=np.int64)
        self.caused = np.zeros(len(CHANNELS), dtype=np.int64)
        self.caused_first = np.zeros(len(CHANNELS), dtype=np.int64)
        self.sessions = np.zeros(len(CHANNELS), dtype=np.int64)

    def add(self, world: World, purchases: Purchases, touches: Touches, sessions: Sessions) -> None:
        count = len(CHANNELS)
        self.failed += np.bincount(touches.channel[touches.is_effective], minlength=count)
        repeat = (purchases.rank > 0) & (purchases.cause >= 0)
        first = (purchases.rank == 0) & (purchases.cause >= 0)
        self.caused += np.bincount(purchases.cause[repeat], minlength=count)
        self.caused_first += np.bincount(purchases.cause[first], minlength=count)
        self.sessions += np.bincount(sessions.channel, minlength=count)
        paid = sessions.campaign >= 0
        days = sessions.start[paid] // DAY - world.calendar.start_day
        np.add.at(self.visits, (days, sessions.campaign[paid]), 1)


def write_totals(files: Files, world: World, seed: int, sums: Sums) -> None:
    """Every table that does not grow chunk by chunk."""
    _write_goods(files, world, seed)
    _write_marketing(files, world, seed, sums)
    _write_agents(files, world)
    _write_rates(files, world, seed)
    _write_truth_tables(files, world, sums)
    _write_defects(files, world)


def _write_goods(files: Files, world: World, seed: int) -> None:
    goods = world.products
    rng = generator(seed, 0, "goods")
    n = len(goods.ids)
    opened = world.calendar.start_day
    gone = np.where(np.arange(n) % 37 == 5, world.calendar.end_day - 20, NONE)
    row: dict[str, str] = {
        "product_id": DELIVERY,
        "name": "Express delivery",
        "category": "Delivery",
    }
    row |= {"is_service": "true", "unit_cost": "3.20", "list_price": f"{DELIVERY_PRICE / 100:.2f}"}
    start = stamp(np.array([(opened - 30) * DAY]))[0].as_py()
    files.write(
        "shop/products",
        {
            "product_id": pa.array(goods.ids),
            "name": pa.array(goods.names),
            "category": pick([c for c, _ in CATEGORIES], goods.category),
            "brand": pick(BRANDS, goods.brand),
            "is_service": "false",
            "unit_cost": money(np.where(goods.cost == 0, NONE, goods.cost)),
            "list_price": money(goods.price),
            "stock_on_hand": rng.integers(0, 400, n),
            "launched_at": start,
            "discontinued_at": cat(day(gone), " 00:00:00"),
            "updated_at": start,
        },
    )
    files.write("shop/products", row | {"launched_at": start, "updated_at": start}, 1)


def _write_marketing(files: Files, world: World, seed: int, sums: Sums) -> None:
    """Spend per day and campaign that follows the visits; budgets a tenth above what was spent."""
    table = world.campaigns
    rng = generator(seed, 0, "spend")
    paid = np.array([c in _COST_PER_CLICK for c in table.channels])
    starts, ends = np.array(table.starts), np.array(table.ends)
    days = np.arange(world.calendar.days) + world.calendar.start_day
    running = paid & (days[:, None] >= starts) & (days[:, None] <= ends)
    at, campaign = np.nonzero(running)
    # Ad platforms count more clicks than the shop sees sessions.
    visits = sums.visits[at, campaign]
    clicks = visits + (visits * rng.integers(0, 40, len(at)) + 50) // 100
    channel = [table.channels[c] for c in campaign]
    price = np.array([_COST_PER_CLICK[c] for c in channel], dtype=np.int64)
    shown = np.array([_SHOWN_PER_CLICK[c] for c in channel], dtype=np.int64)
    cost = clicks * price * rng.integers(80, 121, len(at)) // 100
    files.write(
        "marketing/ad_spend",
        {
            "spend_date": day(days[at]),
            "channel": pa.array(channel, pa.string()),
            "campaign_id": pick(table.ids, campaign),
            "cost": money(cost),
            "currency": "GBP",
            "impressions": (clicks * 100 + rng.integers(0, 100, len(at))) * shown // 100,
            "clicks": clicks,
        },
    )
    spent = np.zeros(len(table.ids), dtype=np.int64)
    np.add.at(spent, campaign, cost)
    budget = np.where(paid, (spent * 11 // 1_000_000 + 1) * 100_000, np.array(table.budgets) * 100)
    files.write(
        "marketing/campaigns",
        {
            "campaign_id": pa.array(table.ids),
            "name": pa.array(table.names),
            "channel": pa.array(table.channels),
            "starts_on": day(starts),
            "ends_on": day(ends),
            "budget": money(budget),
        },
    )


def _write_agents(files: Files, world: World) -> None:
    ids, names, teams, hired = zip(*world.agents, strict=True)
    files.write(
        "call_center/agents",
        {
            "agent_id": pa.array(ids),
            "name": pa.array(names),
            "team": pa.array(teams),
            "hired_on": day(np.array(hired)),
        },
    )


def _write_rates(files: Files, world: World, seed: int) -> None:
    """Rates to the pound, Monday to Friday; a random walk in millionths."""
    rng = generator(seed, 0, "rates")
    days = np.arange(world.calendar.days) + world.calendar.start_day
    weekday = (days + 3) % 7 < 5
    for currency, start in (("EUR", 847_000), ("USD", 786_000), ("RUB", 9_100)):
        steps = rng.integers(-start // 300, start // 300 + 1, len(days))
        walk = np.maximum(start + np.cumsum(steps), start // 2)
        chosen = walk[weekday]
        files.write(
            "shop/exchange_rates",
            {
                "rate_date": day(days[weekday]),
                "from_currency": currency,
                "to_currency": "GBP",
                "rate": cat(number(chosen // 1_000_000), ".", number(chosen % 1_000_000, 6)),
            },
        )


def _write_truth_tables(files: Files, world: World, sums: Sums) -> None:
    calendar = world.calendar
    weight = calendar.weight
    files.write(
        "season",
        {
            "day": day(np.arange(calendar.days) + calendar.start_day),
            "multiplier": cat(number(weight // 10_000), ".", number(weight % 10_000, 4)),
        },
    )
    for at, channel in enumerate(CHANNELS):
        effect = rates.CHANNEL_EFFECTS.get(channel)
        failed, caused = int(sums.failed[at]), int(sums.caused[at])
        total = failed + caused if effect else 0
        columns = {
            "channel": channel,
            "incremental_probability": f"{effect.incremental if effect else 0:.3f}",
            "effective_touches": str(total),
            "caused_orders": str(caused if effect else 0),
            "realised_probability": f"{caused / total if total else 0:.6f}",
            "caused_first_orders": str(int(sums.caused_first[at])),
            "sessions": str(int(sums.sessions[at])),
        }
        files.write("channel_effects", columns, 1)
    parameters = (
        ("bgnbd_r", rates.BGNBD_R, "", "shape of the purchase rates' gamma distribution"),
        ("bgnbd_alpha", rates.BGNBD_ALPHA, "weeks", "rate of that gamma distribution"),
        ("bgnbd_a", rates.BGNBD_A, "", "first parameter of the dropout's beta distribution"),
        ("bgnbd_b", rates.BGNBD_B, "", "second parameter of that beta distribution"),
        ("gamma_gamma_p", rates.SPEND_P, "", "shape of one person's order values"),
        ("gamma_gamma_q", rates.SPEND_Q, "", "shape of the rates among people"),
        ("gamma_gamma_gamma", rates.SPEND_GAMMA, "GBP", "rate of that distribution"),
    )
    for name, value, unit, meaning in parameters:
        row = {"name": name, "value": str(value), "unit": unit, "meaning": meaning}
        files.write("parameters", row, 1)
    for name, kind, outcome, effect, _share, valid in EXPERIMENTS:
        columns = {
            "experiment_id": name,
            "subject_kind": kind,
            "variant_control": "A",
            "variant_treatment": "B",
            "outcome": outcome,
            "true_relative_effect": f"{effect:.2f}",
            "is_valid": "true" if valid else "false",
        }
        files.write("experiments", columns, 1)
    for name, entry in rates.RATES.items():
        row = {"name": name, "rate": str(entry.rate)}
        files.write(
            "error_rates",
            row
            | {"applies_to": pa.array([entry.applies_to]), "meaning": pa.array([entry.meaning])},
            1,
        )


def _write_defects(files: Files, world: World) -> None:
    """The rows that loading must refuse: rates.QUARANTINED_ROWS of them, in every company."""
    when = stamp(np.array([world.calendar.end - DAY]))
    order = {"order_id": "O-UNKNOWN-STATUS", "ordered_at": when, "status": "on_hold_by_warehouse"}
    files.write("shop/orders", order | {"total_amount": "42.00", "sales_channel": "web"})
    contact = {"created_at": when, "first_name": pa.array(["No"]), "last_name": pa.array(["Key"])}
    files.write("crm/contacts", contact)
    call = {"call_id": "K-NO-DISPOSITION", "direction": "inbound", "started_at": when}
    files.write("call_center/calls", call)
