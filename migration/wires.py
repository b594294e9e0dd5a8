"""By what a worker can reach people and their systems: channels by name, and mail. Addresses stay with the worker."""

from __future__ import annotations

from dataclasses import dataclass

from migration.plan import Plan
from migration.specs import hooks_by_vm


@dataclass(frozen=True)
class Wires:
    """What one worker is set up for."""

    channels: frozenset[str] = frozenset()
    mail: bool = False


@dataclass(frozen=True)
class Wanted:
    """What a plan needs of a worker, each with what for, in words."""

    channels: dict[str, list[str]]
    mailboxes: list[str]


def variable(channel: str) -> str:
    """Return the environment variable that holds a channel's address."""
    return f"MIGRATION_WEBHOOK_{channel.upper().replace('-', '_')}"


def wanted_of(plan: Plan) -> Wanted:
    """Return which channels and mailboxes a plan names: in its notifications, and in its machines' hooks."""
    channels: dict[str, list[str]] = {}
    mailboxes: list[str] = []
    for rule in plan.notifications:
        if rule.webhook is not None:
            channels.setdefault(rule.webhook.channel, []).append(f"it is to hear of {', '.join(rule.events)}")
        if rule.email is not None:
            mailboxes += rule.email.to
    for hooks in hooks_by_vm(plan).values():
        for hook in (*hooks.before, *hooks.after):
            for action in (hook.do, hook.undo):
                if action is not None and action.webhook is not None:
                    channels.setdefault(action.webhook.channel, []).append(f"the hook {hook.name} calls it")
    told = {channel: list(dict.fromkeys(what_for)) for channel, what_for in channels.items()}
    return Wanted(told, list(dict.fromkeys(mailboxes)))
