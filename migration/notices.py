"""What people are told by webhook and e-mail: what happened, who must act, by when, and with which command. Pure."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field

from migration.base import Value

EventName = Literal[
    "approval_wanted", "reminder", "needs_action", "rolled_back", "migrated", "plan_ended", "two_copies"
]
Format = Literal["json", "teams", "slack"]
MOST_TOLD = 50
"""How many events one message lists; it says how many more there are."""
_LONGEST = 600

_TITLES: dict[str, str] = {
    "approval_wanted": "waits for approval",
    "reminder": "still waits for approval",
    "needs_action": "needs a person",
    "rolled_back": "was rolled back",
    "migrated": "was migrated",
    "plan_ended": "ended",
    "two_copies": "ran in two copies",
}
_URGENCY: tuple[str, ...] = (
    "two_copies",
    "needs_action",
    "approval_wanted",
    "reminder",
    "rolled_back",
    "plan_ended",
    "migrated",
)


class Happening(Value):
    """Something that happened to a virtual machine of a plan, or to the plan itself (`vm` is empty)."""

    event: EventName
    plan: str
    vm: str = ""
    wave: str = ""
    at: str = Field(description="By Temporal's clock, UTC.")
    text: str = ""
    who: list[str] = Field(default_factory=list, description="Who may act.")
    until: str | None = Field(None, description="By when, where there is a deadline.")
    at_deadline: str | None = Field(None, description="What the plan does then.")
    commands: list[str] = Field(default_factory=list, description="What to type.")
    evidence: str | None = Field(None, description="The hash of what an approval is about.")
    workflow_id: str = ""

    @property
    def title(self) -> str:
        """The event in a few words."""
        subject = self.vm or f"plan {self.plan}"
        return f"{subject} {_TITLES[self.event]}"


class WebhookTarget(Value):
    """A channel of the worker, and how it wants to be written to."""

    channel: str
    format: Format = "json"


class EmailTarget(Value):
    """Whom to write to."""

    to: list[str]


class SendNotification(Value):
    """The input of `send_notification`: what happened, for one channel or some mailboxes."""

    plan: str
    happenings: list[Happening]
    omitted: int = 0
    webhook: WebhookTarget | None = None
    email: EmailTarget | None = None
    key: str = Field(description="One for all attempts, by which a receiver tells a repetition.")
    namespace: str = "default"

    @property
    def where(self) -> str:
        """Where it goes, in words that hold no secret."""
        return (
            f"channel {self.webhook.channel}"
            if self.webhook
            else f"{len(self.email.to) if self.email else 0} mailboxes"
        )


def subject_of(request: SendNotification) -> str:
    """Return the message in one line: the most urgent first."""
    ordered = by_urgency(request.happenings)
    first = ordered[0]
    same = [one for one in ordered if one.event == first.event]
    many = len(ordered) + request.omitted
    if many == 1:
        told = first.title
    elif len(same) == many:
        machines = len({one.vm for one in same}) + request.omitted
        told = first.title if machines == 1 else f"{machines} virtual machines: each {_TITLES[first.event]}"
    else:
        told = f"{first.title}, and {many - 1} more"
    return _plain(f"[{request.plan}] {told}")


def by_urgency(happenings: list[Happening]) -> list[Happening]:
    """Return the most urgent first, each kind in the order in which it happened."""
    return sorted(happenings, key=lambda one: _URGENCY.index(one.event))


def lines_of(happening: Happening) -> list[str]:
    """Return what a person needs to know of one event, a line for each thing."""
    lines = [_plain(happening.text)] if happening.text else []
    if happening.who:
        lines.append(f"Who must act: {', '.join(map(_plain, happening.who))}")
    if happening.until:
        then = {"roll_back": "it is rolled back", "commit": "it is committed", "keep_waiting": "it waits on"}
        after = then.get(happening.at_deadline or "")
        lines.append(f"By when: {happening.until}" + (f"; then {after}" if after else ""))
    lines += [f"Command: {command}" for command in happening.commands]
    if happening.evidence:
        lines.append(f"Evidence: {happening.evidence}")
    return lines


def text_of(request: SendNotification, ui_url: str | None) -> str:
    """Return the whole message as plain text."""
    parts = []
    for one in by_urgency(request.happenings):
        link = link_to(one, ui_url, request.namespace)
        body = [*lines_of(one), *([f"See: {link}"] if link else [])]
        parts.append("\n".join([f"{one.title} ({one.at})", *(f"  {line}" for line in body)]))
    if request.omitted:
        parts.append(f"and {request.omitted} more: starter.py status {request.plan}")
    return "\n\n".join(parts) + "\n"


def link_to(happening: Happening, ui_url: str | None, namespace: str) -> str | None:
    """Return the address of the workflow in the Temporal UI, where one is configured."""
    if not ui_url or not happening.workflow_id:
        return None
    return f"{ui_url}/namespaces/{quote(namespace, safe='')}/workflows/{quote(happening.workflow_id, safe='')}"


def as_json(request: SendNotification, ui_url: str | None) -> dict[str, Any]:
    """Return the message for a program."""
    events = [
        {
            **one.model_dump(mode="json", exclude={"at_deadline"}),
            "text": _plain(one.text),
            "title": one.title,
            "at_deadline": one.at_deadline,
            "link": link_to(one, ui_url, request.namespace),
        }
        for one in by_urgency(request.happenings)
    ]
    return {
        "version": 1,
        "id": request.key,
        "plan": request.plan,
        "subject": subject_of(request),
        "events": events,
        "omitted": request.omitted,
        "text": text_of(request, ui_url),
    }


def as_slack(request: SendNotification, ui_url: str | None) -> dict[str, Any]:
    """Return a message for Slack's incoming webhooks: `mrkdwn`, whose three signs are escaped.

    `Formatting text <https://api.slack.com/reference/surfaces/formatting>`_.
    """
    blocks: list[dict[str, Any]] = []
    for one in by_urgency(request.happenings)[: MOST_TOLD - 2]:
        link = link_to(one, ui_url, request.namespace)
        title = f"*<{link}|{_slack(one.title)}>*" if link else f"*{_slack(one.title)}*"
        body = "\n".join(map(_slack, lines_of(one)))
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"{title}\n{body}"[:2900]}})
    if request.omitted:
        more = f"and {request.omitted} more"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": more}})
    return {"text": _slack(subject_of(request)), "blocks": blocks}


def as_teams(request: SendNotification, ui_url: str | None) -> dict[str, Any]:
    """Return a message for a Teams webhook of Workflows: an Adaptive Card, whose text knows no markup here.

    `Create incoming webhooks with Workflows <https://support.microsoft.com/office/8ae491c7-0394-4861-ba59-055e33f75498>`_
    take 28 KB.
    """
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": _teams(subject_of(request)), "weight": "Bolder", "size": "Medium", "wrap": True}
    ]
    actions: list[dict[str, Any]] = []
    size = 0
    for one in by_urgency(request.happenings):
        lines = [_teams(line) for line in lines_of(one)]
        size += sum(map(len, lines)) + 200
        if size > 20_000:
            break
        body.append(
            {"type": "TextBlock", "text": _teams(one.title), "weight": "Bolder", "wrap": True, "spacing": "Medium"}
        )
        body += [{"type": "TextBlock", "text": line, "wrap": True, "spacing": "None"} for line in lines]
        link = link_to(one, ui_url, request.namespace)
        if link and len(actions) < 5:
            actions.append({"type": "Action.OpenUrl", "title": one.vm or one.plan, "url": link})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


def _plain(text: str) -> str:
    """Return a stranger's words in one line, without control characters, and short."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 3] + "..."


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(text: str) -> str:
    """Return text that an Adaptive Card shows as it is: its Markdown knows links, lists and emphasis."""
    return "".join(f"\\{sign}" if sign in "\\[]*_`" else sign for sign in text)
