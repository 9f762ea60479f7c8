"""Reads a rendered report as a browser would, strictly: what the tests ask the page."""

from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser

_VOID = frozenset({"meta", "path", "wbr"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    children: list["Element | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(
            c if isinstance(c, str) else "" if c.is_data else c.text for c in self.children
        )

    @property
    def is_data(self) -> bool:
        """Whether it is a script that the browser does not run."""
        return self.tag == "script" and self.attributes.get("type") == "application/json"

    @property
    def data(self) -> str:
        return "".join(c for c in self.children if isinstance(c, str))

    def all(self, tag: str | None = None) -> list["Element"]:
        found = [self] if tag in (None, self.tag) else []
        for child in self.children:
            if isinstance(child, Element):
                found += child.all(tag)
        return found

    def by_id(self, key: str) -> "Element":
        found = [e for e in self.all() if e.attributes.get("id") == key]
        assert len(found) == 1, f"{len(found)} elements have the id {key}"
        return found[0]

    def has_class(self, name: str) -> bool:
        return name in (self.attributes.get("class") or "").split()

    @property
    def number(self) -> Decimal:
        """The exact number of the first ``data`` element in it."""
        return Decimal(self.all("data")[0].attributes["value"])


class _Builder(HTMLParser):
    """Builds the tree and fails on any tag that is not closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"doubled attribute in <{tag}>: {names}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open[-1].tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    builder = _Builder()
    builder.feed(html)
    builder.close()
    assert builder.open == [builder.root]
    return builder.root


def table_rows(page: Element, key: str) -> list[list[Element]]:
    """The body rows of the table ``key``, as cells."""
    (body,) = page.by_id(key).all("tbody")
    return [[cell for cell in row.children if isinstance(cell, Element)] for row in body.all("tr")]


def body_text(page: Element) -> str:
    """All text of all pages, also what is hidden from sight; data of the script is none."""
    return "\n".join(body.text for body in page.all("body"))
