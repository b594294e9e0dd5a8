"""Every rule of preflight in one place, chapter by chapter; `docs/preflight.md` is made from it (`make rules`).

To add a rule: write its row in a chapter, its check in the module of its group under the same id (`CHECKS` for one
virtual machine, `SHARED_CHECKS` for what they share), what trips it in `tests/migration`, and `make rules`.

Codes: `Troubleshoot Azure-to-Azure errors <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-troubleshoot-errors>`_.
"""

from __future__ import annotations

from migration.rules.chapters import (
    certificates,
    channels,
    cutover_window,
    not_carried,
    outbound,
    permissions,
    readiness,
    source,
    support_matrix,
    target_resources,
    vault,
)
from migration.rules.rule import TUTORIAL, Chapter, Rule

CHAPTERS: tuple[Chapter, ...] = (
    target_resources.CHAPTER,
    permissions.CHAPTER,
    outbound.CHAPTER,
    certificates.CHAPTER,
    source.CHAPTER,
    support_matrix.CHAPTER,
    vault.CHAPTER,
    not_carried.CHAPTER,
    cutover_window.CHAPTER,
    channels.CHAPTER,
    readiness.CHAPTER,
)
ALREADY_MIGRATED = Rule(
    id="already-migrated",
    asks="It has not been moved before.",
    evidence="the protected item, or a target built from copies of the source's disks while the source stands still",
    remedy="nothing: it counts as migrated",
    link=TUTORIAL,
    severity="note",
)
"""Told of a virtual machine that no other rule looks at."""
ADOPTED = Rule(
    id="adopted",
    asks="It is not replicated yet.",
    evidence="the protected items of the plan's vault",
    remedy="nothing: the run goes on with what is there",
    link=TUTORIAL,
    severity="note",
)
"""Told of a virtual machine with whose protection a run goes on; one that has failed over no other rule looks at."""

RULES: tuple[Rule, ...] = tuple(rule for chapter in CHAPTERS for rule in chapter.rules)
BY_ID: dict[str, Rule] = {rule.id: rule for rule in (*RULES, ALREADY_MIGRATED, ADOPTED)}
