"""Tokens per second as bars: ours, the peers and the limit, on one axis that begins at 0."""

import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path

from bench.comparison import OURS
from bench.results import Results
from bench.rounds import HELLO

# Wide enough for a page, and letters large enough when a phone shows it at a third.
_WIDTH, _EDGE = 1080, 48
_BAR, _STEP, _TITLE = 40, 104, 96
_INK, _SOFT, _LINE = "#1b1f24", "#57606a", "#d0d7de"
_OURS, _PEER, _LIMIT = "#0b6bcb", "#8c959f", "#d8dee4"
_FONT = "font-family='Liberation Sans, Arial, sans-serif'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar."""

    name: str
    value: float
    colour: str


def bars(results: Results) -> dict[str, list[Bar]]:
    """Return the bars under their titles, the longest first."""
    groups: dict[str, list[Bar]] = {}
    for kind, title in (("ES256", "Signed tokens (ES256)"), ("opaque", "Opaque tokens")):
        found = []
        for name in results.names("peers"):
            value = results.value("peers", name, "per second")
            if value and not name.startswith(HELLO) and _kind(name) == kind:
                found.append(_bar(name, value))
        groups[title] = sorted(found, key=lambda bar: -bar.value)
    return groups


def svg(results: Results) -> str:
    """Draw the picture."""
    groups = bars(results)
    longest = max((bar.value for group in groups.values() for bar in group), default=1.0)
    drawn: list[str] = []
    y = 84.0
    drawn.append(_text("Tokens per second on one core", _EDGE, y, 46, _INK, bold=True))
    y += 46
    drawn.append(
        _text("client_credentials, one worker each; longer is better", _EDGE, y, 30, _SOFT)
    )
    for title, group in groups.items():
        y += _TITLE
        drawn.append(_text(title, _EDGE, y, 36, _INK, bold=True))
        y += 20
        for bar in group:
            drawn += _drawn(bar, y, longest)
            y += _STEP
        y -= 20
    y += 70
    about = results.about
    says = f"{about.get('processor', '')}, {about.get('python', '')}, {about.get('date', '')}"
    drawn.append(_text(says, _EDGE, y, 26, _SOFT))
    height = round(y + 40)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{height}' "
        f"viewBox='0 0 {_WIDTH} {height}'><rect width='100%' height='100%' fill='white'/>"
        + "".join(drawn)
        + "</svg>"
    )


def draw(results: Results, file: Path) -> None:
    """Write the picture as a PNG; raises RuntimeError without a Chromium."""
    # Needs what the tests of the console need, and nothing else here does.
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None:
        raise RuntimeError("The picture needs Chromium: apt-get install chromium")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=switches)
        page = browser.new_page(viewport={"width": _WIDTH, "height": 600})
        page.set_content(f"<body style='margin:0'>{svg(results)}</body>")
        page.locator("svg").screenshot(path=file)
        browser.close()


def _drawn(bar: Bar, y: float, longest: float) -> list[str]:
    # The longest bar leaves room for its figure.
    room = _WIDTH - 2 * _EDGE - 130
    length = max(2.0, bar.value / longest * room)
    bold = bar.name.startswith(OURS)
    top, end = y + 46, y + 46 + _BAR
    size = f"width='{length:.1f}' height='{_BAR}'"
    axis = f"x1='{_EDGE}' y1='{top - 4}' x2='{_EDGE}' y2='{end + 4}'"
    return [
        _text(bar.name, _EDGE, y + 34, 30, _INK, bold=bold),
        f"<rect x='{_EDGE}' y='{top}' {size} fill='{bar.colour}'/>",
        f"<line {axis} stroke='{_LINE}' stroke-width='2'/>",
        _text(_figure(bar.value), _EDGE + length + 14, y + 77, 32, _INK, bold=bold),
    ]


def _text(text: str, x: float, y: float, size: int, colour: str, *, bold: bool = False) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' {_FONT}{weight}>"
        f"{escape(text)}</text>"
    )


def _bar(name: str, value: float) -> Bar:
    if name.startswith("limit"):
        said = "the limit: one HTTP exchange, one bare operation"
        return Bar(name=said, value=value, colour=_LIMIT)
    # The title says which kind it is.
    short = name.replace(", ES256", "").replace(", opaque", "")
    return Bar(name=short, value=value, colour=_OURS if name.startswith(OURS) else _PEER)


def _kind(name: str) -> str:
    return "ES256" if "ES256" in name else "opaque"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
