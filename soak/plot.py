"""The run over time as an SVG: answers per second, the slowest of each second, and every step. Pure; called by
report.py."""

from html import escape

from soak.ledger import Ledger, Outcome

WIDTH, HEIGHT, LEFT, TOP = 1200, 420, 60, 20
RATE_HEIGHT, SLOW_HEIGHT, GAP = 170, 110, 40
COLOURS = {
    Outcome.RIGHT: "#2a9d8f",
    Outcome.EXCUSED: "#e9c46a",
    Outcome.FAILED: "#e76f51",
    Outcome.WRONG: "#9d0208",
    Outcome.LOST: "#6a040f",
}


def build_plot(ledger: Ledger, seconds: float) -> str:
    """Whole, in one file; hovering over a step says what it was."""
    total = max(1, int(seconds) + 1)
    step_px = (WIDTH - LEFT - 10) / total
    highest = max([sum(second.outcomes.values()) for second in ledger.seconds.values()] or [1])
    slowest = max([second.slowest_s for second in ledger.seconds.values()] or [1.0]) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>'
    ]
    base = TOP + RATE_HEIGHT
    low = base + GAP + SLOW_HEIGHT
    for event in ledger.events:
        x, width = LEFT + event.began_at * step_px, max(1.0, (event.ended_at - event.began_at) * step_px)
        parts.append(
            f'<rect x="{x:.1f}" y="{TOP}" width="{width:.1f}" height="{low - TOP}" fill="{_tint(event.kind)}" '
            f'opacity="0.25"><title>{escape(event.words)}, {event.began_at:.1f} s to {event.ended_at:.1f} s '
            f"{escape(event.problem)}</title></rect>"
        )
    for at, second in sorted(ledger.seconds.items()):
        x, y = LEFT + at * step_px, float(base)
        for outcome, colour in COLOURS.items():
            height = RATE_HEIGHT * second.outcomes[outcome] / highest
            if height:
                # A single failure must be seen beside thousands of answers.
                shown = height if outcome is Outcome.RIGHT else max(height, 4.0)
                y -= shown
                parts.append(_bar(x, y, step_px, shown, colour))
        height = SLOW_HEIGHT * second.slowest_s / slowest
        parts.append(_bar(x, low - height, step_px, height, "#457b9d"))
    parts += [
        _text(LEFT, TOP - 6, f"answers per second, up to {highest}"),
        _text(LEFT, base + GAP - 6, f"slowest answer of each second, up to {slowest:.2f} s"),
        *(_text(LEFT + at * step_px, low + 16, f"{at} s") for at in range(0, total, max(1, total // 10))),
    ]
    for number, (outcome, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 150
        parts.append(_bar(x, HEIGHT - 20, 10, 10, colour))
        parts.append(_text(x + 16, HEIGHT - 11, f"{outcome} {ledger.outcomes[outcome]}"))
    return "\n".join([*parts, "</svg>\n"])


# --- private


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _tint(kind: str) -> str:
    """A colour of its own for every kind of step, the same in every plot."""
    return f"hsl({sum(kind.encode()) * 47 % 360} 60% 60%)"
