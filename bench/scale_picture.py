"""Requests a second around an outage and after a common start, by kind of client, as an SVG."""

from collections.abc import Sequence
from html import escape

from bench.scale_scenes import HABITS, HOUR, play

_WIDTH, _HEIGHT, _LEFT, _TOP = 960, 300, 90, 70
_COLOURS = ("#b3261e", "#0b6bcb", "#12805c")
_INK, _SOFT, _LINE = "#1b1f24", "#57606a", "#d0d7de"
_LEAST = 10.0  # requests a second at the lower end of the scale, which is logarithmic
_DECADES = 6
_POINTS = 480
_FONT = "font-family='Liberation Sans, Arial, sans-serif'"


def draw(token_us: float) -> str:
    """Return the picture."""
    parts = [
        _panel(
            "A million clients that started within ten seconds: requests a second over four hours",
            [run.asked for run in play(token_us, "together").values()],
            y=0,
            hours=(0.0, 4.0),
        ),
        _panel(
            "No service for ten minutes: requests a second from then on",
            [run.asked[2 * HOUR - 600 :] for run in play(token_us, "10 min").values()],
            y=_HEIGHT + 90,
            hours=(-1 / 6, 2.0),
        ),
        _legend(2 * (_HEIGHT + 90) + 40),
    ]
    height = 2 * (_HEIGHT + 90) + 90
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' "
        f"role='img' aria-label='Requests a second by kind of client'>"
        f"<rect width='100%' height='100%' fill='white'/>{''.join(parts)}</svg>\n"
    )


def _panel(
    title: str, series: Sequence[Sequence[float]], *, y: int, hours: tuple[float, float]
) -> str:
    drawn = [_text(title, 20, y + 40, _INK, size=20, bold=True)]
    for power in range(_DECADES):
        value = _LEAST * 10**power
        at = _height(value, y)
        drawn.append(f"<path d='M{_LEFT} {at:.1f}H{_WIDTH - 20}' stroke='{_LINE}'/>")
        drawn.append(_text(f"{value:,.0f}", _LEFT - 8, at + 5, _SOFT, anchor="end"))
    first, last = hours
    for hour in range(int(last) + 1):
        x = _LEFT + (hour - first) / (last - first) * (_WIDTH - 20 - _LEFT)
        drawn.append(_text(f"{hour} h", x, y + _TOP + _HEIGHT + 22, _SOFT, anchor="middle"))
    drawn += [_curve(each, colour, y) for each, colour in zip(series, _COLOURS, strict=True)]
    return "".join(drawn)


def _curve(values: Sequence[float], colour: str, y: int) -> str:
    """Draw the highest of each stretch: peaks of one second are what it is about."""
    points = []
    for index in range(_POINTS):
        since, until = (len(values) * n // _POINTS for n in (index, index + 1))
        x = _LEFT + index / (_POINTS - 1) * (_WIDTH - 20 - _LEFT)
        points.append(f"{x:.1f},{_height(max(values[since:until]), y):.1f}")
    path = " ".join(points)
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2'/>"


def _height(value: float, y: int) -> float:
    power = len(str(int(max(value, _LEAST) / _LEAST))) - 1  # whole decades, then within one
    within = (max(value, _LEAST) / _LEAST) / 10**power
    # A straight line within each decade: no two machines draw it differently.
    share = (power + (within - 1) / 9) / (_DECADES - 1)
    return y + _TOP + _HEIGHT * (1 - share)


def _legend(y: int) -> str:
    drawn = []
    for index, (habits, colour) in enumerate(zip(HABITS, _COLOURS, strict=True)):
        x = _LEFT + index * 270
        drawn.append(f"<rect x='{x}' y='{y - 12}' width='24' height='12' fill='{colour}'/>")
        drawn.append(_text(habits.name, x + 32, y, _INK, size=18))
    return "".join(drawn)


def _text(
    text: str,
    x: float,
    y: float,
    colour: str,
    *,
    size: int = 15,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}' {_FONT}{weight}>{escape(text)}</text>"
    )
