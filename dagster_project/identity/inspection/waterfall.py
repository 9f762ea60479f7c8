"""The match weights of a person's links as a page: one waterfall for each link, in one file.

HTML and CSS alone: the reader's font, both colour schemes, print; no script, nothing from a
network.
"""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_RULES = {
    "probable": "no identifier proves it; the weights do",
    "override": "a person decided",
}
_FIELDS = {
    "prior": "Before evidence",
    "national_id": "National id",
    "loyalty_card": "Loyalty card",
    "birth_date": "Date of birth",
    "first_name": "First name",
    "last_name": "Last name",
    "email": "E-mail",
}

# Field, weight in bits, where its bar starts and ends.
Bar = tuple[str, float, float, float]

_STYLE = """
:root { --page: #fcfcfb; --ink: #1b1f23; --soft: #545d66; --line: #d9dee2; --faint: #e9ecee;
  --for: #2c66a3; --against: #c2690c; --sum: #545d66; color-scheme: light dark; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171a; --ink: #e7eaec; --soft: #a7b0b8; --line: #343b41; --faint: #242a2f;
    --for: #74acea; --against: #f0a850; --sum: #a7b0b8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem); }
h1 { margin: 0 0 0.5rem; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h1 span { font-weight: 400; font-size: 0.8em; }
h2 { margin: 0; font-size: 1.05rem; line-height: 1.35; overflow-wrap: anywhere; }
p { margin: 0.25rem 0 0; color: var(--soft); max-width: 65ch; }
section { margin-top: 2.5rem; break-inside: avoid; }
table { width: 100%; margin-top: 0.75rem; border-collapse: collapse; table-layout: fixed; }
th, td { padding: 0.3rem 0; border-bottom: 1px solid var(--faint); font-weight: 400; }
th { width: 11rem; padding-right: 1rem; text-align: left; }
td:last-child { width: 4.5rem; text-align: right; font-variant-numeric: tabular-nums; }
thead th, thead td { color: var(--soft); font-size: 0.85rem; }
tfoot th, tfoot td { border-bottom: 0; border-top: 1px solid var(--line); font-weight: 600; }
.plot { position: relative; height: 1.1rem; }
.plot::before { content: ""; position: absolute; top: -0.3rem; bottom: -0.3rem; left: var(--zero);
  border-left: 1px solid var(--line); }
.bar { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px; }
.for { background: var(--for); } .against { background: var(--against); }
.sum { background: var(--sum); }
@media (max-width: 34rem) { th { width: 7.5rem; font-size: 0.875rem; } }
@media print { .bar { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def write_waterfalls(found: Mapping[str, Any], path: Path) -> int:
    """Write the links of ``found`` (see ``explain``) to ``path``; how many have weights.

    The file holds the keys of records and is readable by its owner alone. Raises OSError when it
    cannot be written.
    """
    weighed = [
        link for customer in found["customers"] for link in customer["links"] if link["bits"]
    ]
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(page(found), encoding="utf-8")
    return len(weighed)


def page(found: Mapping[str, Any]) -> str:
    """The page for what ``explain`` found, a complete HTML document."""
    body = "".join(_customer(customer) for customer in found["customers"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Why these records are one person</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _customer(customer: Mapping[str, Any]) -> str:
    links: Sequence[Mapping[str, Any]] = customer["links"]
    weighed = [link for link in links if link["bits"]]
    proven = len(links) - len(weighed)
    said = [f"{len(customer['records']):,} records, {len(links):,} links between them."]
    if weighed:
        said.append(
            "Each bit doubles the odds that two records are one person: blue speaks for it, orange "
            "against. All charts have one scale; the line is even odds."
        )
    if proven:
        said.append(
            f"{proven:,} {'link' if proven == 1 else 'links'} by identifiers alone or by a "
            "person's decision: no weights."
        )
    steps = [bars(link["bits"]) for link in weighed]
    ends = [0.0, *(end for of_link in steps for bar in of_link for end in bar[2:])]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0
    charts = (_link(link, of_link, low, span) for link, of_link in zip(weighed, steps, strict=True))
    return (
        f"<h1>Customer <span>{escape(customer['customer_id'])}</span></h1><p>{' '.join(said)}</p>"
        + "".join(charts)
    )


def bars(bits: Mapping[str, float]) -> list[Bar]:
    """What each field adds, strongest first, from where the one before it ended."""
    rest = sorted(
        ((name, weight) for name, weight in bits.items() if name != "prior"),
        key=lambda item: -item[1],
    )
    found, at = [], 0.0
    for name, weight in [("prior", bits.get("prior", 0.0)), *rest]:
        found.append((name, weight, at, at + weight))
        at += weight
    return found


def _link(link: Mapping[str, Any], bars: Sequence[Bar], low: float, span: float) -> str:
    rows = "".join(
        _row(field_label(name), weight, start, end, low, span, "for" if weight >= 0 else "against")
        for name, weight, start, end in bars
    )
    total = bars[-1][3]
    summed = _row("All together", total, 0.0, total, low, span, "sum")
    return (
        f'<section style="--zero: {-low / span * 100:.2f}%"><h2>{escape(link["left_record"])} '
        f"and {escape(link['right_record'])}</h2><p>Linked: {escape(how_linked(link))}. "
        f"Probability {shown_probability(link['probability'])}.</p>"
        "<table><thead><tr><th>Evidence</th><td></td><td>Bits</td></tr></thead>"
        f"<tbody>{rows}</tbody><tfoot>{summed}</tfoot></table></section>"
    )


def _row(
    label: str, weight: float, start: float, end: float, low: float, span: float, kind: str
) -> str:
    left = (min(start, end) - low) / span * 100
    width = abs(end - start) / span * 100
    sign = "\N{MINUS SIGN}" if weight < 0 else "+"
    return (
        f'<tr><th scope="row">{escape(label)}</th><td><div class="plot"><div class="bar {kind}" '
        f'style="left: {left:.2f}%; width: {width:.2f}%"></div></div></td>'
        f"<td>{sign}{abs(weight):.1f}</td></tr>"
    )


def how_linked(link: Mapping[str, Any]) -> str:
    """The rule of a link, in words."""
    rule = str(link["rule"])
    return _RULES.get(rule, rule.replace("_", " "))


def field_label(name: str) -> str:
    """What a field of the evidence is called."""
    return _FIELDS.get(name, name.replace("_", " ").capitalize())


def shown_probability(value: float) -> str:
    """Two digits that say something, never a rounded certainty."""
    if value >= 1:
        return "1"
    digits = 2
    while digits < 6 and round(value, digits) >= 1:
        digits += 1
    return f"{value:.{digits}f}" if round(value, digits) < 1 else "above 0.999999"
