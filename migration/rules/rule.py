"""What the catalogue tells of a rule; the chapters of `migration.rules.chapters` are tables of these."""

from __future__ import annotations

from dataclasses import dataclass

from migration.severities import Moment, Severity

DOCS = "https://learn.microsoft.com/azure"
SITE_RECOVERY = f"{DOCS}/site-recovery"
ERRORS = f"{SITE_RECOVERY}/azure-to-azure-troubleshoot-errors"
MATRIX = f"{SITE_RECOVERY}/azure-to-azure-support-matrix"
TUTORIAL = f"{SITE_RECOVERY}/azure-to-azure-tutorial-migrate"

START: tuple[Moment, ...] = ("start",)
GUEST: tuple[Moment, ...] = ("guest",)
CUTOVER: tuple[Moment, ...] = ("cutover",)
BOTH: tuple[Moment, ...] = ("start", "cutover")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of preflight, told in words; the check itself stands under its id in `migration.rules.engine`."""

    id: str
    asks: str
    """What has to be true, as a sentence."""
    evidence: str
    """What is read to find out, and shown where it is not true."""
    remedy: str
    """What to do then, in one or two sentences."""
    link: str
    """Microsoft's page about it."""
    severity: Severity = "blocking"
    prevents: str | None = None
    """The Site Recovery error code that it would become."""
    moments: tuple[Moment, ...] = START
    shared: bool = False
    """Whether it judges what virtual machines share, once for all."""
    waivable_at: tuple[Moment, ...] = ()
    """The moments at which a plan may waive it although it blocks. Only where going on can do the source no harm."""
    why_safe: str = ""
    """Why it may be waived although it blocks."""

    @property
    def waivable(self) -> bool:
        """Whether a plan may waive it at all; what does not block always may be."""
        return self.severity != "blocking" or bool(self.waivable_at)


@dataclass(frozen=True)
class Chapter:
    """A group of rules, as a chapter of `docs/preflight.md`."""

    title: str
    intro: str
    rules: tuple[Rule, ...]
