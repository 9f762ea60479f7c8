"""If these fail, the picture of why two records are one person is not what the data say."""

import re
import stat

import pytest

from dagster_project.report.match_weights import page, write_match_weights

BITS = {"prior": -11.5, "email": 17.25, "phone": 16.0, "first_name": -4.75}


def _found(**values):
    link = {
        "left_record": "crm.contacts/1",
        "right_record": "shop.accounts/a",
        "rule": "probable",
        "probability": 0.99999,
        "weight": sum(BITS.values()),
        "bits": BITS,
        **values,
    }
    proven = {**link, "rule": "override", "weight": None, "bits": {}, "probability": 1.0}
    return {"customers": [{"customer_id": "abc", "records": [1, 2], "links": [link, proven]}]}


def _bars(html):
    return [
        (float(left), float(width))
        for left, width in re.findall(r"left: ([\d.]+)%; width: ([\d.]+)%", html)
    ]


def test_each_bar_starts_where_the_last_ended_and_the_sum_is_the_weight():
    """A field seems to weigh what another does, and a wrong link looks proven."""
    html = page(_found())
    bars, zero = _bars(html), float(re.search(r"--zero: ([\d.]+)%", html)[1])
    at, width_of_bit = zero, (100 - zero) / 21.75
    for weight, (left, width) in zip([-11.5, 17.25, 16.0, -4.75], bars, strict=False):
        assert width == pytest.approx(abs(weight) * width_of_bit, abs=0.05)
        assert left == pytest.approx(min(at, at + weight * width_of_bit), abs=0.05)
        at += weight * width_of_bit
    assert bars[-1] == pytest.approx((zero, 17.0 * width_of_bit), abs=0.05)
    assert "+17.0" in html
    assert "0.99999." in html
    assert "1 link by identifiers alone" in html


def test_the_page_asks_nobody_and_runs_nothing(tmp_path):
    """A record's key runs a script on the desk of whoever explains it, or is sent somewhere."""
    path = tmp_path / "why.html"
    assert write_match_weights(_found(left_record="<script>alert(1)</script>"), path) == 1
    html = path.read_text()
    assert "<script" not in html
    assert not re.search(r"https?:|src=|@import|url\(", html)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
