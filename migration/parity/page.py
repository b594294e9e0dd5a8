"""Writes `docs/parity.md` from the table of aspects: `python -m migration.parity.page`, or `make rules`."""

from __future__ import annotations

import sys
from pathlib import Path

from migration.parity.aspects import ASPECTS, PREFIX, TABLE, Aspect
from migration.rules.rule import MATRIX

FILE = Path(__file__).parents[2] / "docs" / "parity.md"
_INTRODUCTION = f"""\
# Parity: what follows, what is restored, what somebody answers for

Written from `migration/parity/aspects.py` by `make rules`; do not change it by hand.

A failover carries disks, interfaces, size and tags. What else hangs on a machine stays behind
([support matrix]({MATRIX})). So the source is read by the first check, before anything is
written; after the failover the target is held against it and against the plan, row by row:

| state | means |
|---|---|
| carried | the target has it, by Site Recovery or by somebody |
| restored | this move has set it, or sets it right after the commit where the row says so |
| waived | a person answers for it: by the plan's `waivers`, or by `skip` with a reason |
| open | nobody answers for it yet: **the commit waits** |

While a row is open an approval is refused with the rows, which `status`, `watch`, `approve`, the Temporal UI and the
report show; a rejection leads back as ever. What to do:

- mend it in Azure, then `starter.py retry PLAN --vm NAME --reason TEXT`: all is read, and
  what may be restored is tried, again;
- or accept the open rows: `starter.py skip PLAN --vm NAME --reason TEXT`. They are recorded as waived by you.

What could not be read is an open row too: it never counts as carried. Where the target has what the source had not,
there is no row, but for the rules of security groups: one more may let through what was closed.

## In a plan

```yaml
parity:
  restore: auto                        # the default; none; or a list: [auto, role-assignments, locks]
  network_security_group: web-ne       # for all interfaces that had a group: a name in the target group, or an id
waves:
  - name: web
    vms:
      - name: web-01
        target:
          public_ip: web-01-ne         # exists already, in the target region
          load_balancer_pools:
            - /subscriptions/.../loadBalancers/front-ne/backendAddressPools/web
waivers:
  - rule: {PREFIX}backup
    by: anna@contoso.example
    reason: backup is set up by the backup team after the move
```

A waiver of the finding by which the check foretells an aspect (`backup-carried`) answers for its rows too, and one of
`{PREFIX}security-groups` for the rules in them.

`auto` restores what can be set without harm and goes again with the way back. The way back first takes the target's
interfaces out of pools and off public addresses, and deletes what was made beside the target; the rest goes with the
target itself. What needs the right to grant rights (roles, locks) is restored only where the plan names it. Whatever
Azure refuses stays open with its reason.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_INTRODUCTION, *_table(), "", *_details()]) + "\n"


def _table() -> list[str]:
    lines = [
        "## The aspects",
        "",
        "| aspect | carried by Site Recovery | restored | undo |",
        "|---|---|---|---|",
    ]
    return [*lines, *(_row(aspect) for aspect in ASPECTS)]


def _row(aspect: Aspect) -> str:
    told = TABLE[aspect]
    return f"| `{PREFIX}{aspect}` | {told.carried} | {told.restored} | {told.undo} |"


def _details() -> list[str]:
    lines: list[str] = []
    for aspect in ASPECTS:
        told = TABLE[aspect]
        foretold = f" The check foretells it: `{told.finding}`." if told.finding else ""
        lines += [
            f"### {aspect}",
            "",
            f"Compared: {told.compares}.{foretold}",
            f"Restored {told.restored}: {told.how}.",
            f"Open: {told.remedy}.",
            "",
        ]
    return lines[:-1]


def main() -> None:
    """Write the page."""
    FILE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
