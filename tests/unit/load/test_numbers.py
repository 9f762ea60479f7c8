"""Numbers: every text and float is read as Python's Decimal reads it, rounded half up."""

import os
from decimal import ROUND_HALF_UP, Decimal, localcontext

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_project.contracts.mapping import Mapping
from tests.soak import SOAK
from tests.unit.load.columns import cast_column

SCALES = {"money": 2, "unit_price": 6, "quantity": 3, "rate": 9, "score": 3}
WHOLE_DIGITS = {"money": 12, "unit_price": 11, "quantity": 9, "rate": 7, "score": 15}
# So many share a statement, which costs more than they do.
NUMBERS = 20
EXAMPLES = 10_000 if SOAK else int(os.environ.get("HYPOTHESIS_EXAMPLES", 60))


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def expected(number: Decimal, kind: str) -> Decimal | None:
    """``number`` at the scale of the type, half up; None when it is more than anybody means."""
    scale = SCALES[kind]
    # Of 10000e15 to nine places there are 29 digits, one more than Decimal keeps by itself.
    with localcontext(prec=100):
        value = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    return value if abs(value) < Decimal(10) ** WHOLE_DIGITS[kind] else None


def grouped(whole: str, sign: str) -> str:
    parts = []
    while len(whole) > 3:
        whole, part = whole[:-3], whole[-3:]
        parts.append(part)
    return sign.join([whole, *reversed(parts)])


@st.composite
def digits(draw: st.DrawFn) -> tuple[str, str]:
    """(whole, fraction) of a number without sign."""
    whole = str(draw(st.integers(0, 10 ** draw(st.integers(1, 13)))))
    fraction = draw(st.text("0123456789", max_size=12))
    return whole, fraction


@st.composite
def plain(draw: st.DrawFn) -> tuple[str, Decimal]:
    whole, fraction = draw(digits())
    sign = draw(st.sampled_from(["", "-", "+"]))
    text = sign + whole + (f".{fraction}" if fraction else "")
    return text, Decimal(text)


@st.composite
def exponents(draw: st.DrawFn) -> tuple[str, Decimal]:
    text, _ = draw(plain())
    text += f"{draw(st.sampled_from('eE'))}{draw(st.integers(-40, 15))}"
    return text, Decimal(text)


@st.composite
def floats(draw: st.DrawFn) -> tuple[str, Decimal]:
    text = repr(draw(st.floats(-1e12, 1e12, allow_nan=False)))
    return text, Decimal(text)


def styled(decimal: str, thousands: str) -> st.SearchStrategy[tuple[str, Decimal]]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> tuple[str, Decimal]:
        whole, fraction = draw(digits())
        fraction = fraction or "5"
        sign = draw(st.sampled_from(["", "-"]))
        value = Decimal(f"{sign}{whole}.{fraction}")
        return sign + (
            grouped(whole, thousands) if thousands else whole
        ) + decimal + fraction, value

    return draw_one()


@st.composite
def percents(draw: st.DrawFn) -> tuple[str, Decimal]:
    text, value = draw(plain())
    return f"{text}{draw(st.sampled_from(['%', ' %']))}", value.scaleb(-2)


def currencies(sign: str) -> st.SearchStrategy[tuple[str, Decimal]]:
    @st.composite
    def draw_one(draw: st.DrawFn) -> tuple[str, Decimal]:
        whole, fraction = draw(digits())
        bare = grouped(whole, ",") + f".{fraction or '5'}"
        value = Decimal(f"{whole}.{fraction or '5'}")
        form = draw(st.integers(0, 6))
        written = [
            (f"{sign}{bare}", value),
            (f"{bare} {sign}", value),
            (f"{sign} {bare}", value),
            (f"-{sign}{bare}", -value),
            (f"{sign}-{bare}", -value),
            (f"({sign}{bare})", -value),
            (f"{bare}{sign}-", -value),
        ]
        return written[form]

    return draw_one()


FORMS = {
    "plain": plain(),
    "exponent": exponents(),
    "float": floats(),
    "decimal comma": styled(",", ""),
    "grouped": styled(".", ","),
    "grouped, decimal comma": styled(",", "."),
    "grouped by spaces": styled(",", "\u00a0"),
    "percent": percents(),
    "dollars": currencies("$"),
    "euros": currencies("EUR"),
}
# Texts that leave no doubt about the form of the column that they stand in.
TELLING = {
    "decimal comma": "1234567,8",
    "grouped": "1,234,567.8",
    "grouped, decimal comma": "1.234.567,8",
    "grouped by spaces": "1\u00a0234\u00a0567,8",
    "dollars": "$1,234,567.8",
    "euros": "1,234,567.8 EUR",
}


@pytest.mark.parametrize("form", FORMS)
@settings(
    max_examples=max(1, EXAMPLES // NUMBERS),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_number_is_what_decimal_says(con, form: str, data: st.DataObject):
    """Revenue is wrong by cents in every file, and no check can see it."""
    kind = data.draw(st.sampled_from(sorted(SCALES)))
    pairs = data.draw(st.lists(FORMS[form], min_size=NUMBERS, max_size=2 * NUMBERS))
    texts = [text for text, _ in pairs]
    if form in TELLING:
        texts += [TELLING[form]] * len(pairs)
    found = cast_column(con, list(texts), kind)[: len(pairs)]
    assert found == [expected(value, kind) for _, value in pairs]


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize(
    "text", ["8.881784e-16", "-8.88e-16", "5e-3", "4.9e-3", "0.1e1", "9e-400", "1.5E+2"]
)
def test_an_exponent_below_the_scale_is_no_cent(con, text: str, kind: str):
    """Floating dust of a spreadsheet becomes money."""
    assert cast_column(con, [text], kind) == [expected(Decimal(text), kind)]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("4.0", 4),
        ("4.", 4),
        ("1e3", 1000),
        ("12345678901234567.0", 12345678901234567),
        ("3.7", None),
        ("0x10", None),
        ("1e-1", None),
        ("-2", -2),
    ],
)
def test_whole_numbers(con, text: str, whole: int | None):
    """3.7 units become 4, or an id of 17 digits loses its last ones."""
    assert cast_column(con, [text], "integer") == [whole]


@pytest.mark.parametrize("kind", ["money", "unit_price", "quantity", "rate"])
def test_more_than_anybody_means_is_no_number(con, kind: str):
    """One slip of the keyboard overflows the sum over all orders, and nothing is published."""
    most = 10 ** WHOLE_DIGITS[kind]
    assert cast_column(con, [str(most), str(most - 1), str(-most)], kind) == [None, most - 1, None]


def test_two_currencies_in_one_column_are_no_numbers(con):
    """Dollars are added to euros because both signs were thrown away."""
    assert cast_column(con, ["$5", "€7"], "money") == [None, None]


def test_a_badly_grouped_number_is_no_other_number(con):
    """1,5 among 1,234.50 becomes 15."""
    texts = ["1,234.50", "2,345.60", "1,5"]
    assert cast_column(con, texts, "money") == [Decimal("1234.50"), Decimal("2345.60"), None]


def test_a_declared_sign_decides(con):
    """1.234 of a German source becomes 1.23, or 1,234 of an English one."""
    assert cast_column(con, ["1.234", "5,6"], "money", decimal=",", thousands=".") == [
        Decimal("1234.00"),
        Decimal("5.60"),
    ]
    assert cast_column(con, ["1.5"], "money", decimal=",") == [None]
    assert cast_column(con, ["1,234"] * 3, "money", decimal=",") == [Decimal("1.23")] * 3


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_floats_of_parquet_are_what_they_print_as(landing, kind: str):
    """0.1 + 0.2 - 0.3 is a cent."""
    path = landing.settings.landing_dir / "shop" / "orders.parquet"
    path.parent.mkdir(parents=True)
    landing.con.execute(
        "COPY (SELECT 'o' || i AS order_id, '2026-01-01' AS ordered_at, 'paid' AS status, "
        f"CAST(v AS {kind}) AS total_amount FROM (VALUES (1, 0.1::DOUBLE + 0.2 - 0.3), (2, 1.005), "
        f"(3, 2.675), (4, -8.88e-16)) t(i, v)) TO '{path}'"
    )
    landing.load()
    assert landing.query("SELECT total_amount FROM shop.orders ORDER BY order_id") == [
        (Decimal("0.00"),),
        (Decimal("1.01"),),
        (Decimal("2.68"),),
        (Decimal("0.00"),),
    ]


def test_what_a_mapping_computes_is_rounded_like_what_is_delivered(landing):
    """A price that a mapping divides out differs from the same price delivered."""
    mapping = Mapping.model_validate(
        {
            "mapping": "made",
            "description": "Orders.",
            "reference": "none",
            "columns": {"id": {}, "amount": {"type": "rate"}, "qty": {"type": "quantity"}},
            "tables": {
                "shop.orders": {
                    "columns": {
                        "order_id": "id",
                        "ordered_at": "'2026-01-01'",
                        "status": "'paid'",
                        "total_amount": "amount / qty",
                    }
                }
            },
        }
    )
    landing.put("made/lines.csv", "id,amount,qty\na,0.000000006,1000\nb,2.01,2\nc,-2.01,2\n")
    landing.load(mappings={"made": mapping})
    assert landing.query("SELECT total_amount FROM shop.orders ORDER BY order_id") == [
        (Decimal("0.00"),),
        (Decimal("1.01"),),
        (Decimal("-1.01"),),
    ]
