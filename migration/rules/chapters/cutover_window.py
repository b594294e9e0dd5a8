"""The cutover window: when may the failover begin?"""

from migration.rules.rule import TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "The cutover window",
    "When the plan lets a virtual machine fail over: its windows, and the freezes that keep them shut; and whether the "
    "failover is not for nothing.",
    (
        Rule(
            id="cutover-window",
            asks="Its cutover window opens in time.",
            evidence="the plan's windows and freezes, and the time",
            remedy="nothing: the machine is copied meanwhile, and fails over by itself when the window opens",
            link=TUTORIAL,
            severity="note",
        ),
        Rule(
            id="fence-can-hold",
            asks="The plan shuts the source down, or says what is to happen where both copies run.",
            evidence="the plan's keys failover.shut_down_source and failover.if_shutdown_fails",
            remedy="write failover.shut_down_source: true, or failover.if_shutdown_fails: ask or accept; or stop the "
            "machine by hand before its turn",
            link=TUTORIAL,
            severity="warning",
        ),
    ),
)
