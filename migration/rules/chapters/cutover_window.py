"""The cutover window: when may the failover begin?"""

from migration.rules.rule import TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "The cutover window",
    "When the plan lets a virtual machine fail over: its windows, and the freezes that keep them shut.",
    (
        Rule(
            id="cutover-window",
            asks="Its cutover window opens in time.",
            evidence="the plan's windows and freezes, and the time",
            remedy="nothing: the machine is copied meanwhile, and fails over by itself when the window opens",
            link=TUTORIAL,
            severity="note",
        ),
    ),
)
