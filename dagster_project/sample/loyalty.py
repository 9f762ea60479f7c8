"""The loyalty ledger: points are signed, and no balance is ever below zero."""

import numpy as np

from dagster_project.sample.columns import NONE, at_rows, blank, key, number, pick, stamp
from dagster_project.sample.draw import DAY, chance, generator
from dagster_project.sample.layout import Files
from dagster_project.sample.orders import PAID, REFUNDED, Orders
from dagster_project.sample.people import People
from dagster_project.sample.records import Accounts, Keys, account_key, order_key
from dagster_project.sample.world import World

KINDS = ("earn", "redeem", "expire", "adjust")
_EARN, _REDEEM, _EXPIRE, _ADJUST = range(4)
_STEP = 50
_LIFE = 365 * DAY


def write_loyalty(
    files: Files,
    world: World,
    seed: int,
    chunk: int,
    keys: Keys,
    people: People,
    accounts: Accounts,
    orders: Orders,
) -> None:
    """One point per pound; redeemed in steps of 50, taken back on full refunds, gone in a year.

    Points of orders that are refunded later are never redeemed, so that taking them back cannot
    overdraw a balance. All points of a card expire a year after its last order.
    """
    rng = generator(seed, chunk, "loyalty")
    end = world.calendar.end
    sale = (orders.status >= PAID) & (orders.status <= REFUNDED) & (orders.person >= 0)
    sale &= people.card[np.maximum(orders.person, 0)] != NONE
    rows = np.flatnonzero(sale)
    rows = rows[np.lexsort((rows, orders.person[rows]))]
    who, time = orders.person[rows], orders.time[rows]
    points = orders.total[rows] // 100
    refunded = orders.refunded_at[rows] != NONE
    safe = np.where(refunded, 0, points)
    wants = chance(rng, len(rows), 0.15)
    first = np.r_[True, who[1:] != who[:-1]] if len(who) else np.zeros(0, bool)
    last = np.r_[who[1:] != who[:-1], True] if len(who) else first
    position = np.arange(len(rows))
    turn = position - np.maximum.accumulate(np.where(first, position, 0)) if len(rows) else position
    # A gap of more than a year lets the balance expire before the next order.
    gap = np.where(last, end - time, np.r_[time[1:], 0] - time) if len(rows) else position
    lapses = gap > _LIFE
    redeem, expire = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    balance = np.zeros(people.size, dtype=np.int64)
    for at in range(int(turn.max()) + 1 if len(rows) else 0):
        now = np.flatnonzero(turn == at)
        have = balance[who[now]] + safe[now]
        spend = np.where(wants[now], have // _STEP * _STEP, 0)
        redeem[now] = spend
        left = have - spend
        expire[now] = np.where(lapses[now], left, 0)
        balance[who[now]] = left - expire[now]
    used, gone, back = np.flatnonzero(redeem), np.flatnonzero(expire), np.flatnonzero(refunded)
    back = back[points[back] > 0]
    earned = np.flatnonzero(points > 0)
    row = np.r_[earned, used, gone, back]
    kind = np.repeat(
        [_EARN, _REDEEM, _EXPIRE, _ADJUST], [len(earned), len(used), len(gone), len(back)]
    )
    amount = np.r_[points[earned], -redeem[used], -expire[gone], -points[back]]
    when = np.r_[time[earned], time[used] + 5, time[gone] + _LIFE, orders.refunded_at[rows[back]]]
    order = np.lexsort((kind, who[row], when))
    row, kind, amount, when = row[order], kind[order], amount[order], when[order]
    size = len(row)
    numbers = keys.points + 1 + np.arange(size)
    keys.points += size
    person = who[row]
    # A ledger is kept under the account where there was one from the first entry on, and under
    # the card otherwise; some cards are noted beside the account.
    account = accounts.of_person[person]
    opened = np.full(people.size, end)
    np.minimum.at(opened, person, when)
    since = at_rows(accounts.registered_at, account)
    under_account = (account >= 0) & (since <= opened[person])
    account_number = at_rows(accounts.number, np.where(under_account, account, -1))
    card = people.card[person]
    by_card = ~under_account | (card % 3 == 0)
    files.write(
        "shop/loyalty_transactions",
        {
            "transaction_id": key("L-", numbers),
            "account_id": account_key(account_number),
            "loyalty_card": blank(number(card), ~by_card),
            "kind": pick(KINDS, kind),
            "points": amount,
            "order_id": blank(order_key(orders.number[rows[row]]), kind == _EXPIRE),
            "occurred_at": stamp(when),
        },
    )
