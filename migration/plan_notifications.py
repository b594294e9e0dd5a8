"""The key `notifications` of a plan: who is told of what, by which channel. No address of a channel stands here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from migration.base import Authored
from migration.errors import InvalidValueError
from migration.notices import EmailTarget, EventName, WebhookTarget
from migration.plan_hooks import channel_name

if TYPE_CHECKING:
    from typing import Self

_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def _mailbox(text: str) -> str:
    if not _MAILBOX.fullmatch(text) or len(text) > 254:
        raise InvalidValueError(f'"{text[:60]}" is no mailbox', "write one such as ops@contoso.example")
    return text


def _each_once(events: list[EventName]) -> list[EventName]:
    twice = next((event for event in events if events.count(event) > 1), None)
    if twice:
        raise InvalidValueError(f"{twice} stands twice", "remove one")
    return events


class WebhookNotice(Authored):
    """A channel of the worker."""

    channel: Annotated[str, AfterValidator(channel_name)] = Field(
        description="Name of a channel: the worker's MIGRATION_WEBHOOK_<NAME> holds its address."
    )
    format: Literal["json", "teams", "slack"] = Field("json", description="What the receiver understands.")


class EmailNotice(Authored):
    """Mailboxes; the worker's settings say how mail is sent."""

    to: Annotated[list[Annotated[str, AfterValidator(_mailbox)]], Field(min_length=1, max_length=20)] = Field(
        description="Mailboxes such as ops@contoso.example."
    )


class Notification(Authored):
    """Tells some people of some events. Sending never holds the move up; what cannot be sent is noted in the report."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", str_strip_whitespace=False, serialize_by_alias=True, validate_by_name=False
    )

    events: Annotated[list[EventName], Field(min_length=1), AfterValidator(_each_once)] = Field(
        alias="on", description="What they are told of."
    )
    webhook: WebhookNotice | None = Field(None, description="Tell a channel.")
    email: EmailNotice | None = Field(None, description="Tell mailboxes.")

    @model_validator(mode="after")
    def _somebody_hears(self) -> Self:
        if self.webhook is None and self.email is None:
            raise InvalidValueError("nobody would hear of it", "add webhook: or email:")
        return self

    @property
    def targets(self) -> list[WebhookTarget | EmailTarget]:
        """Where it goes."""
        found: list[WebhookTarget | EmailTarget] = []
        if self.webhook is not None:
            found.append(WebhookTarget(channel=self.webhook.channel, format=self.webhook.format))
        if self.email is not None:
            found.append(EmailTarget(to=list(self.email.to)))
        return found


def wanted_events(notifications: list[Notification]) -> list[EventName]:
    """Return the events of which somebody is told."""
    return sorted({event for one in notifications for event in one.events})
