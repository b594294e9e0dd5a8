"""Writes `docs/preflight.md` from the catalogue: `python -m migration.rules.page`, or `make rules`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from migration.rules.catalogue import ALREADY_MIGRATED, CHAPTERS
from migration.rules.rule import Chapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.rules.rule import Rule

FILE = Path(__file__).parents[2] / "docs" / "preflight.md"
_INTRODUCTION = """\
# The rules of preflight

Written from `migration/rules` by `make rules`; do not change it by hand.

`starter.py check PLAN` asks every rule of the moment *start*, for all virtual machines of a plan, and writes nothing;
those of the moment *guest* it asks inside the machines, by a run command each, unless the plan says otherwise
(`guest_probes`). The same rules gate the run, which takes a machine for sound that a check on the same worker has asked
in the last ten minutes and found sound. Those of the moment *cutover* are asked again right before each failover, while
the source still runs: a finding then holds the machine, its copy is kept, and it is asked again by itself until it is
mended. What machines share (permissions, locks, policies, groups, networks) is asked once for those that fail over
within half a minute, and anew for a machine that was held.

| severity | means |
|---|---|
| blocking | the move does not start, or the failover is held; exit code 1 |
| warning | the move goes on, and somebody should know first |
| note | for the record |
| unknown | the rule could not be asked: never passed; it blocks where the rule itself would |

## Waivers

A plan may answer for a finding; it is told all the same, with the name and the reason, and does not stop the move:

```yaml
waivers:
  - rule: churn
    vm: db-01            # left out: for the whole plan
    by: anna@contoso.example
    reason: the nightly load is paused during the move
```

What does not block may always be waived. What blocks may be waived only where the table says so, at the moments that it
names, because going on there can do the source no harm.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, *(_chapter(chapter) for chapter in CHAPTERS)]
    moved = Chapter("Moved before", "What an earlier run has moved; no other rule looks at it.", (ALREADY_MIGRATED,))
    return "\n".join([*parts, _chapter(moved)])


def _chapter(chapter: Chapter) -> str:
    return f"## {chapter.title}\n\n{chapter.intro}\n\n{_table(chapter.rules)}"


def _table(rules: tuple[Rule, ...]) -> str:
    head = (
        "| rule | severity | asked at | prevents | evidence | what to do | waivable |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(_rows(rules))


def _rows(rules: tuple[Rule, ...]) -> Iterator[str]:
    for rule in rules:
        name = f"**[{rule.id}]({rule.link})**: {rule.asks}"
        moments = ", ".join(rule.moments)
        cells = (name, rule.severity, moments, rule.prevents or "", rule.evidence, rule.remedy, _waivable(rule))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _waivable(rule: Rule) -> str:
    if rule.severity != "blocking":
        return "yes"
    return f"at {', '.join(rule.waivable_at)}: {rule.why_safe}" if rule.waivable_at else "no"


def main() -> None:
    """Write the page."""
    FILE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
