"""Right before the failover: is the copy sound and fresh, and the source still what was copied?"""

from migration.rules.rule import CUTOVER, MATRIX, SITE_RECOVERY, Chapter, Rule

_HEALTH = f"{SITE_RECOVERY}/azure-to-azure-troubleshoot-replication"

CHAPTER = Chapter(
    "Right before the failover",
    "Asked when the machine's turn has come. A finding holds the machine: its source still runs, its copy is kept.",
    (
        Rule(
            id="still-protected",
            asks="It is protected.",
            evidence="the protected item's state",
            remedy="look at the item in the vault; resynchronise, or give the move up",
            link=_HEALTH,
            moments=CUTOVER,
        ),
        Rule(
            id="failover-allowed",
            asks="Site Recovery allows the failover now.",
            evidence="the operations that the item allows",
            remedy="look at the item in the vault for what it waits for",
            link=_HEALTH,
            moments=CUTOVER,
        ),
        Rule(
            id="replication-sound",
            asks="Its replication has no critical error.",
            evidence="the item's health, and its health errors",
            remedy="mend what the health error names",
            link=_HEALTH,
            prevents="153007",
            moments=CUTOVER,
        ),
        Rule(
            id="recovery-point-fresh",
            asks="Its recovery point is no older than the plan allows.",
            evidence="the item's RPO",
            remedy="wait until replication has caught up, or raise failover.max_recovery_point_age",
            link=_HEALTH,
            prevents="153007",
            moments=CUTOVER,
        ),
        Rule(
            id="no-other-job",
            asks="No other job works on it.",
            evidence="the item's current scenario",
            remedy="wait until the job has ended",
            link=_HEALTH,
            moments=CUTOVER,
        ),
        Rule(
            id="no-drift",
            asks="The source is as it was when replication began.",
            evidence="the source now, against what the first check wrote down of it",
            remedy="undo the change, or give this move up and start it anew",
            link=MATRIX,
            moments=CUTOVER,
        ),
    ),
)
