"""Message channels: can the worker reach whom the plan wants to tell?"""

from migration.rules.rule import TUTORIAL, Chapter, Rule

CHAPTER = Chapter(
    "Telling people",
    "Whom the plan tells of what, and which systems its hooks call: by channels that are settings of the worker.",
    (
        Rule(
            id="channels-set-up",
            asks="The worker knows every channel, and the mail server, that the plan tells people or calls hooks by.",
            evidence="the settings of the worker that checks (with `--local` those of the command line)",
            remedy="set the channel's address for every worker, and start them again",
            link=TUTORIAL,
            severity="warning",
            shared=True,
        ),
    ),
)
