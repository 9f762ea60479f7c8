"""Customer journeys: a Sankey diagram of paths, the most taken paths, and where people drop off."""

from itertools import pairwise

from dagster_project.report import formats
from dagster_project.report.blocks import Block, Cell, Column, Figure, Section, Table, bar_share
from dagster_project.report.context import Context, Row
from dagster_project.report.flows import Flow, Readings, sankey
from dagster_project.report.language import noted, nt, t

# The marts that this part of the report reads.
MARTS: tuple[str, ...] = ("journey_paths", "journey_transitions")

_SALE, _LOSS, _MORE, _OTHER = "(sale)", "(loss)", "(more)", "(other)"
_STEPS = 3
_CHANNELS = 8
_PATHS = 15

_PATHS_SQL = """
    select path, journeys, conversions, losses, customers, conversion_rate, revenue, median_days
    from journey_paths
    where transform = 'exposure' and path is not null and path <> '(none)' and journeys > 0
    order by journeys desc, path
"""

_SITE = """
    select from_state, to_state, transitions, transition_rate, drop_off_rate
    from journey_transitions
    where level = 'site' and from_state is not null and to_state is not null
    order by from_state, to_state
"""

_LEAVING = """
    select from_state as channel, sum(transitions) as touches, max(drop_off_rate) as drop_off_rate,
        coalesce(sum(transitions) filter (where to_state = '(sale)'), 0) as sales
    from journey_transitions
    where level = 'channel' and from_state <> '(start)'
    group by 1
    order by touches desc, channel
"""

_ORDER = ("product_view", "add_to_cart", "checkout_started")
_LABELS = {
    _SALE: noted("Sale"),
    _LOSS: noted("No sale"),
    _MORE: noted("More touches"),
    _OTHER: noted("Other channels"),
}
_ENDS = {_SALE: 1, _LOSS: 2, _MORE: 3}


class _Texts(Readings):
    """What the diagram of journeys says."""

    def node(self, label: str, step: str, size: float) -> str:
        number = nt("{n} journey", "{n} journeys", round(size)).format(n=formats.count(size))
        return f"{step}: {label}\n{number}"

    def ribbon(self, source: str, target: str, size: float) -> str:
        number = nt("{n} journey", "{n} journeys", round(size)).format(n=formats.count(size))
        return f"{source} \u2192 {target}\n{number}"


def build(context: Context) -> Section:
    """Paths as a diagram and a table, drop-off by channel and by step within a visit."""
    section = {
        "id": "journeys",
        "title": t("Journeys to a sale, and to none"),
        "definition": t(
            "A journey is the touches before a sale, or those after which nothing was bought; "
            "repeats of a channel in a row are one."
        ),
    }
    paths = context.rows(_PATHS_SQL)
    site = context.rows(_SITE)
    if not paths and not site:
        absent = context.absent(t("No journeys"), "shop.web_events", "marketing.messages")
        return Section(**section, absent=absent)
    blocks: list[Block] = []
    if paths:
        blocks += [_diagram(context, paths), _leaving(context)]
    if site:
        blocks.append(_site(context, site))
    return Section(**section, blocks=blocks)


def _diagram(context: Context, rows: list[Row]) -> Figure:
    weight: dict[str, int] = {}
    for row in rows:
        for channel in set(row["path"].split(" > ")):
            weight[channel] = weight.get(channel, 0) + row["journeys"]
    known = set(sorted(weight, key=lambda name: (-weight[name], name))[:_CHANNELS])
    sizes: dict[tuple[int, str, str], float] = {}

    def flow(step: int, source: str, target: str, size: float) -> None:
        if size:
            key = (step, source, target)
            sizes[key] = sizes.get(key, 0.0) + size

    for row in rows:
        path = [c if c in known else _OTHER for c in row["path"].split(" > ")]
        shown = path[:_STEPS]
        for step, (source, target) in enumerate(pairwise(shown)):
            flow(step, source, target, row["journeys"])
        last = len(shown) - 1
        if len(path) > _STEPS:
            flow(last, shown[-1], _MORE, row["journeys"])
        else:
            flow(last, shown[-1], _SALE, row["conversions"] or 0)
            flow(last, shown[-1], _LOSS, row["losses"] or 0)
    steps = [
        *(t("Touch {n}").format(n=formats.count(step + 1)) for step in range(_STEPS)),
        t("End"),
    ]
    # Who ends early stands in the column after the last touch.
    names = {name for key in sizes for name in key[1:]}
    label = {name: t(_LABELS[name]) if name in _LABELS else formats.words(name) for name in names}
    plot = sankey(
        [Flow(*key, size) for key, size in sizes.items()],
        steps,
        label=label,
        style={name: _ENDS.get(name, 0) for name in names},
        reading=_Texts(),
        summary=_summary(rows),
    )
    return Figure(
        "journeys-chart",
        t("Channels touch by touch, and how journeys end"),
        plot,
        _paths(context, rows),
        t(
            "Journeys of more than {n} touches go on beyond the diagram; the table has their ends."
        ).format(n=formats.count(_STEPS)),
    )


def _summary(rows: list[Row]) -> str:
    journeys = sum(row["journeys"] for row in rows)
    sales = sum(row["conversions"] or 0 for row in rows)
    return t("{n} journeys, {share} of them to a sale; most took: {path}.").format(
        n=formats.count(journeys), share=formats.percent(sales / journeys), path=_path(rows[0])
    )


def _path(row: Row) -> str:
    return " \u2192 ".join(formats.words(part) for part in row["path"].split(" > "))


def _paths(context: Context, rows: list[Row]) -> Table:
    shown = rows[:_PATHS]
    return Table(
        "journeys-paths",
        t("The paths that most journeys took"),
        [
            Column(t("Path"), "text"),
            Column(t("Journeys")),
            Column(t("Ended in a sale")),
            Column(t("Conversion")),
            Column(t("Net revenue")),
            Column(t("Median days")),
        ],
        [
            [
                Cell(_path(row)),
                Cell(formats.count(row["journeys"]), row["journeys"]),
                Cell(formats.count(row["conversions"]), row["conversions"]),
                Cell(formats.percent(row["conversion_rate"]), row["conversion_rate"]),
                Cell(context.money.whole(row["revenue"]), row["revenue"]),
                Cell(formats.decimal(row["median_days"], 1), row["median_days"]),
            ]
            for row in shown
        ],
        is_wide=True,
        source=context.source(_PATHS_SQL),
    )


def _leaving(context: Context) -> Table:
    rows = context.rows(_LEAVING)
    top = max((row["drop_off_rate"] or 0 for row in rows), default=0)
    return Table(
        "journeys-leaving",
        t("Where people leave, by the channel of the touch"),
        [
            Column(t("Channel"), "text"),
            Column("", "bar"),
            Column(t("Touches")),
            Column(t("Last before no sale")),
            Column(t("Last before a sale")),
        ],
        [
            [
                Cell(formats.words(row["channel"])),
                Cell("", bar=bar_share(row["drop_off_rate"], top)),
                Cell(formats.count(row["touches"]), row["touches"]),
                Cell(formats.percent(row["drop_off_rate"]), row["drop_off_rate"]),
                Cell(_percent(row["sales"], row["touches"]), row["sales"]),
            ]
            for row in rows
        ],
        source=context.source(_LEAVING),
    )


def _percent(part: int, whole: int) -> str:
    return formats.percent(part / whole if whole else None)


def _site(context: Context, rows: list[Row]) -> Table:
    leaving = {row["from_state"]: row for row in rows}
    exits = {row["from_state"]: row["transitions"] for row in rows if row["to_state"] == "(exit)"}
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row["from_state"]] = sizes.get(row["from_state"], 0) + row["transitions"]
    known = [name for name in _ORDER if name in sizes]
    states = known + sorted(name for name in sizes if name not in _ORDER and name != "(start)")
    top = max((sizes[state] for state in states), default=0)
    return Table(
        "journeys-site",
        t("Within a visit: how far people got, and abandoned carts"),
        [
            Column(t("Step"), "text"),
            Column("", "bar"),
            Column(t("Visits that reached it")),
            Column(t("Left there")),
            Column(t("Share that left")),
        ],
        [
            [
                Cell(formats.words(state)),
                Cell("", bar=bar_share(sizes[state], top)),
                Cell(formats.count(sizes[state]), sizes[state]),
                Cell(formats.count(exits.get(state, 0)), exits.get(state, 0)),
                Cell(
                    formats.percent(leaving[state]["drop_off_rate"]),
                    leaving[state]["drop_off_rate"],
                ),
            ]
            for state in states
        ],
        note=t(
            "Who leaves after putting goods into the cart, or at the checkout, abandons a cart."
        ),
        source=context.source(_SITE),
    )
