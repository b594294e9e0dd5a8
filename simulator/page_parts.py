"""The parts of the estate's page: escaped text, tables, and the look of it all."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --good: #18794e; --bad: #c62a2f; --busy: #b35900; }
@media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --bad: #ff8589; --busy: #ffb224; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h2 small { font-weight: normal; }
p { margin: .3rem 0; } nav a { margin-right: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-size: .85rem; } tbody th { font-weight: normal; } td { font-variant-numeric: tabular-nums; }
.state, .time { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .busy { color: var(--busy); }
.facts { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; padding: 0; list-style: none; }
.facts li { background: var(--soft); border-radius: .5rem; padding: .4rem .9rem; } .facts b { font-size: 1.2rem; }
code { font-size: .9em; overflow-wrap: anywhere; }
"""
Entry = TypeVar("Entry")
SIGNS = {"good": "●", "busy": "◐", "bad": "▲", "": "○"}


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def cell(value: str | Html | float | None) -> Html:
    """A value as HTML: text is escaped, what is HTML already stays, None is a dash."""
    if isinstance(value, Html):
        return value
    return Html("-") if value is None or value == "" else Html(escape(str(value)))


def state(text: str, tone: str) -> Html:
    """A state with a sign and a colour: *tone* is ``good``, ``busy``, ``bad`` or empty."""
    return Html(f'<span class="state {tone}"><span aria-hidden="true">{SIGNS[tone]}</span> {escape(text)}</span>')


def time(text: str | None) -> Html:
    """An Azure time, to the second."""
    return Html(f'<span class="time">{escape(text[:19].replace("T", " "))}</span>' if text else "-")


def table(
    caption: str,
    head: Sequence[str],
    entries: Sequence[Entry],
    row: Callable[[Entry], Sequence[str | Html | float | None]],
    *,
    limit: int,
) -> Html:
    """A table with a *row* for each of the first *limit* entries and how many more there are, or that there is none."""
    if not entries:
        return Html(f"<p>No {escape(caption)}.</p>")
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(_row(row(entry)) for entry in entries[:limit])
    rest = f"<p>… and {len(entries) - limit} more.</p>" if len(entries) > limit else ""
    opening = f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
    return Html(f"{opening}<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>{rest}")


def _row(values: Sequence[str | Html | float | None]) -> str:
    first, *rest = values
    cells = "".join(f"<td>{cell(value)}</td>" for value in rest)
    return f'<tr><th scope="row">{cell(first)}</th>{cells}</tr>'


def section(title: str, *parts: str, note: str = "") -> Html:
    """A section under its heading."""
    small = f" <small>{escape(note)}</small>" if note else ""
    return Html(f"<section><h2>{escape(title)}{small}</h2>{''.join(parts)}</section>")


def plural(label: str, count: int) -> str:
    """*label*, a plural, or its singular for one."""
    return label[:-1] if count == 1 and label.endswith("s") else label


def facts(counts: dict[str, int]) -> Html:
    """A row of numbers with what they count."""
    items = "".join(f"<li><b>{count}</b> {escape(plural(label, count))}</li>" for label, count in counts.items())
    return Html(f'<ul class="facts">{items}</ul>')
