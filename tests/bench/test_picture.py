"""The picture shows ours, the peers and the limit on one axis that begins at 0."""

import re
import struct
from xml.etree import ElementTree as ET

from bench.page import PICTURE
from bench.picture import bars, svg
from tests.bench.measured import results

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_in_two_groups_the_longest_first():
    signed, opaque = bars(results()).values()

    assert [bar.name for bar in signed] == [
        "the limit: one HTTP exchange, one bare operation",
        "Tokenbooth",
        "oidc-provider",
        "Authlib + Flask",
    ]
    assert [bar.name for bar in opaque][-2:] == ["oidc-provider", "django-oauth-toolkit, SQLite"]


def test_who_failed_has_no_bar():
    assert "Authlib + Flask" not in [bar.name for bar in list(bars(results()).values())[1]]


def test_lengths_are_in_proportion_from_0_over_both_groups():
    drawn = ET.fromstring(svg(results()))
    widths = [float(bar.get("width")) for bar in drawn.iter(f"{SVG}rect") if bar.get("x")]

    limit, ours, oidc = (widths[n] for n in (0, 1, 2))

    assert abs(ours / limit - 16_000 / 24_000) < 0.01
    assert abs(oidc / limit - 2_000 / 24_000) < 0.01
    assert max(widths) == widths[4]  # the limit of opaque tokens, the longest of all


def test_everything_lies_within_the_picture():
    drawn = ET.fromstring(svg(results()))
    ends = [float(text.get("y")) for text in drawn.iter(f"{SVG}text")]

    assert max(ends) < float(drawn.get("height"))
    assert all(float(text.get("font-size")) >= 26 for text in drawn.iter(f"{SVG}text"))


def test_a_name_cannot_break_the_picture():
    measured = results()
    measured.about["processor"] = "<script> & co"

    assert "&lt;script&gt; &amp; co" in svg(measured)
    assert not re.search("<script", svg(measured))


def test_the_picture_of_the_documentation_is_a_png_a_phone_can_show():
    head = PICTURE.read_bytes()[:24]

    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", head[16:24])[0] == 1080
