"""Message channels: can the worker reach whom the plan wants to tell?"""

from __future__ import annotations

from collections.abc import Iterator

from migration.rules.case import Case, Hit, SharedCheck
from migration.wires import variable

_TOLD = 3
"""How many uses of a channel a sentence names."""


def channels_set_up(case: Case) -> Iterator[Hit]:
    """Object to each channel, and to mail, that the plan names and the worker does not know."""
    if case.wires is None or case.wanted is None:
        return
    for channel, what_for in sorted(case.wanted.channels.items()):
        if channel not in case.wires.channels:
            more = f", and {len(what_for) - _TOLD} more" if len(what_for) > _TOLD else ""
            yield Hit(
                f'channel "{channel}"',
                f"the worker that checks has no address of it; {'; '.join(what_for[:_TOLD])}{more}",
                f"set {variable(channel)} to its address for every worker, and start them again",
            )
    if case.wanted.mailboxes and not case.wires.mail:
        boxes = case.wanted.mailboxes
        more = f" and {len(boxes) - _TOLD} more" if len(boxes) > _TOLD else ""
        yield Hit(
            "e-mail",
            f"the worker that checks has no mail server; {', '.join(boxes[:_TOLD])}{more} would be told nothing",
            "set MIGRATION_SMTP_HOST and MIGRATION_SMTP_FROM for every worker, and start them again",
        )


SHARED_CHECKS: dict[str, SharedCheck] = {"channels-set-up": channels_set_up}
