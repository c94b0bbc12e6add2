"""How does a notebook show a report? As a table of its rows; texts of strangers stay texts."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST_ROWS = 60
LONGEST_CELL = 200  # letters
_STYLE = "text-align: right; font-variant-numeric: tabular-nums"


def table_html(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], caption: str = "") -> str:
    """A table as HTML: columns that have nothing are left out, and of many rows the first are shown, which is said.

    Args:
        columns: Names, in order.
        rows: Plain values by these names.
        caption: What stands above, such as a summary.
    """
    filled = [name for name in columns if any(_text(row.get(name)) for row in rows)] or list(columns)
    lines = ["<table>"]
    lines += [f'<caption style="text-align: left">{html.escape(caption)}</caption>'] * bool(caption)
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in filled)
    lines.append(f"<thead><tr>{head}</tr></thead><tbody>")
    lines += [f"<tr>{''.join(_cell(row.get(name)) for name in filled)}</tr>" for row in rows[:MOST_ROWS]]
    lines.append("</tbody></table>")
    if len(rows) > MOST_ROWS:
        lines.append(f"<p>{MOST_ROWS} of {len(rows)} rows; to_frame() and to_csv() have all of them.</p>")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f'<td style="{_STYLE if number else "text-align: left"}">{html.escape(_text(value))}</td>'


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.2f}"
    text = str(value)
    return f"{text[:LONGEST_CELL]}..." if len(text) > LONGEST_CELL else text
