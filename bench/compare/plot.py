"""A plain picture: calls per second per core as horizontal bars, for light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

_WIDTH, _LABELS, _NUMBERS = 900, 400, 80
_ROW, _BAR, _TOP, _BOTTOM = 30, 18, 56, 34
_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
.title { font-size: 16px; font-weight: 600; }
.note { font-size: 12px; fill: #57606a; }
.ours { fill: #1f6feb; } .ceiling { fill: #afb8c1; } .other { fill: #d4843e; }
.axis { stroke: #d0d7de; stroke-width: 1; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .note { fill: #9198a1; } .axis { stroke: #3d444d; }
  .ours { fill: #4493f8; } .ceiling { fill: #656c76; } .other { fill: #db8b4b; }
}
"""


class Bar(NamedTuple):
    """One bar; `kind` is ours, ceiling or other."""

    label: str
    value: float
    kind: str


def svg(title: str, bars: Sequence[Bar]) -> str:
    """A picture of bars, in their order, from zero. `bars` must have a value above zero."""
    longest = max(bar.value for bar in bars)
    scale = (_WIDTH - _LABELS - _NUMBERS) / longest
    height = _TOP + _ROW * len(bars) + _BOTTOM
    bottom = height - _BOTTOM
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={quoteattr(title)}>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        parts.append(_row(bar, _TOP + _ROW * number, bar.value * scale))
    parts.append(f'<line class="axis" x1="{_LABELS}" y1="{_TOP - 6}" x2="{_LABELS}" y2="{bottom}"/>')
    parts.append(_legend(bottom + 22))
    return "\n".join([*parts, "</svg>", ""])


def _row(bar: Bar, top: int, length: float) -> str:
    middle = top + _BAR / 2 + 4.5
    return (
        f'<text x="{_LABELS - 10}" y="{middle:g}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect class="{bar.kind}" x="{_LABELS}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="3"/>'
        f'<text x="{_LABELS + length + 8:.1f}" y="{middle:g}">{bar.value:,.0f}</text>'
    )


def _legend(y: int) -> str:
    kinds = (
        ("ours", "authsvc"),
        ("ceiling", "leaves something out: a ceiling"),
        ("other", "the same service, built otherwise"),
    )
    parts, x = [], 16
    for kind, text in kinds:
        parts.append(f'<rect class="{kind}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="note" x="{x + 18}" y="{y}">{text}</text>')
        x += 40 + 7 * len(text)
    return "".join(parts)
