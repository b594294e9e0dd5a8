"""Messages for real: a listener and a mail server on loopback take what a plan tells people."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notifications import MailServer, NotificationActivities, Senders
from activities.webhooks import Channel, Channels
from migration.notices import MOST_TOLD, Happening, SendNotification
from tests.activities.test_hooks import listening

UI = "https://temporal.example"


def _happening(event: str = "approval_wanted", **more: Any) -> Happening:
    fields: dict[str, Any] = {
        "event": event,
        "plan": "shop",
        "vm": "web-01",
        "at": "2026-11-28T21:00:00Z",
        "text": "a decision by anna@contoso.example",
        "who": ["anna@contoso.example"],
        "until": "2026-12-05T21:00:00Z",
        "at_deadline": "roll_back",
        "commands": ["starter.py approve shop --vm web-01"],
        "evidence": "sha256:0f3a",
        "workflow_id": "migrate-vm/shop/web-01",
    }
    return Happening.model_validate(fields | more)


def _request(*happenings: Happening, **more: Any) -> SendNotification:
    fields: dict[str, Any] = {"plan": "shop", "happenings": list(happenings) or [_happening()], "key": "run/1"}
    return SendNotification.model_validate(fields | more)


async def _posted(form: str, *happenings: Happening, **more: Any) -> dict[str, Any]:
    async with listening() as listener:
        senders = Senders(Channels({"ops": Channel(listener.url)}), ui_url=UI)
        request = _request(*happenings, webhook={"channel": "ops", "format": form}, **more)
        await ActivityEnvironment().run(NotificationActivities(senders).send_notification, request)
    [(headers, body)] = listener.heard
    assert "run/1" == headers["idempotency-key"]
    return dict(json.loads(body))


async def test_a_program_gets_all_in_fields_and_as_text() -> None:
    """What happened, who must act, by when, the command, the evidence, the link."""
    content = await _posted("json")
    [event] = content["events"]
    link = f"{UI}/namespaces/default/workflows/migrate-vm%2Fshop%2Fweb-01"
    assert ("approval_wanted", link) == (event["event"], event["link"])
    assert "[shop] web-01 waits for approval" == content["subject"]
    for told in (
        "Who must act: anna@contoso.example",
        "By when: 2026-12-05T21:00:00Z; then it is rolled back",
        "Command: starter.py approve shop --vm web-01",
        "Evidence: sha256:0f3a",
        f"See: {link}",
    ):
        assert told in content["text"]


async def test_slack_gets_blocks_in_which_strangers_words_are_no_markup() -> None:
    """The three signs of mrkdwn are escaped, control characters are gone, and long words are cut."""
    text = "<!channel> & <https://evil.example|click>\x1b[31m" + "x" * 2000
    content = await _posted("slack", _happening("needs_action", text=text))
    [block] = content["blocks"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in block["text"]["text"]
    assert "<!channel>" not in json.dumps(content)
    assert "\\u001b" not in json.dumps(content)
    assert 3000 > len(block["text"]["text"])


async def test_teams_gets_an_adaptive_card_that_fits() -> None:
    """The card of fifty machines stays below what Workflows take, most urgent first, with a link to look at."""
    crowd = [_happening(vm=f"vm-{number}", text="y" * 500) for number in range(MOST_TOLD)]
    content = await _posted("teams", *crowd, _happening("two_copies", text="[click](https://evil.example)"))
    [attachment] = content["attachments"]
    card = attachment["content"]
    assert ("message", "application/vnd.microsoft.card.adaptive") == (content["type"], attachment["contentType"])
    assert ("AdaptiveCard", "1.4") == (card["type"], card["version"])
    texts = [part["text"] for part in card["body"]]
    assert "web-01 ran in two copies, and 50 more" in texts[0]
    assert "\\[click\\](https://evil.example)" in texts[2]
    assert "Action.OpenUrl" == card["actions"][0]["type"]
    assert 28_000 > len(json.dumps(content).encode())


async def test_what_is_left_out_is_counted() -> None:
    """A message says how many events it does not list, and where they are."""
    content = await _posted("json", _happening(), omitted=7)
    assert (7, True) == (content["omitted"], "and 7 more: starter.py status shop" in content["text"])


@dataclass
class MailSink:
    """A mail server that keeps what it is sent."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refusal: str = ""
    offers_tls: bool = False
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak enough SMTP."""

        async def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())
            await writer.drain()

        await say("220 sink")
        while line := (await reader.readline()).decode().strip():
            verb = line[:4].upper()
            if verb == "EHLO":
                await say("250-sink")
                await say("250 STARTTLS" if self.offers_tls else "250 SIZE 1000000")
            elif verb == "RCPT" and self.refusal:
                await say(self.refusal)
            elif verb == "DATA":
                await say("354 go on")
                text = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(email.message_from_bytes(text[:-3], policy=email.policy.default))
                await say("250 kept")
            else:
                if verb == "RCPT":
                    self.recipients.append(line.partition(":")[2].strip("<>"))
                await say("221 bye" if verb == "QUIT" else "250 ok")
                if verb == "QUIT":
                    break
        writer.close()


@asynccontextmanager
async def _sink(**settings: Any) -> AsyncIterator[MailSink]:
    sink = MailSink(**settings)
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    async with server:
        yield sink


async def _mailed(sink: MailSink, *happenings: Happening, security: str = "none") -> None:
    server = MailServer("127.0.0.1", "migrations@contoso.example", sink.port, security)  # type: ignore[arg-type]
    request = _request(*happenings, email={"to": ["ops@contoso.example", "lead@contoso.example"]})
    await ActivityEnvironment().run(NotificationActivities(Senders(mail=server, ui_url=UI)).send_notification, request)


async def test_mail_says_what_a_person_needs_and_no_header_can_be_smuggled_in() -> None:
    """Subject, recipients and text; the id is the same in each attempt, so that a second one is dropped."""
    async with _sink() as sink:
        await _mailed(sink, _happening(vm="web-01\r\nBcc: all@contoso.example"))
        await _mailed(sink)
    first, second = sink.mails
    assert "[shop] web-01 Bcc: all@contoso.example waits for approval" == first["Subject"]
    assert first["Bcc"] is None
    assert ["ops@contoso.example", "lead@contoso.example"] * 2 == sink.recipients
    assert first["Message-ID"] == second["Message-ID"]
    assert "Command: starter.py approve shop --vm web-01" in second.get_content()
    assert ("auto-generated", "migrations@contoso.example") == (second["Auto-Submitted"], second["From"])


@pytest.mark.parametrize(
    ("settings", "security", "message", "is_final"),
    [
        ({"refusal": "550 no such mailbox"}, "none", "every mailbox was refused", True),
        ({}, "starttls", "no TLS; nothing is sent without", True),
        pytest.param(
            *({}, "tls", "no connection", False),
            # smtplib leaves the socket of a handshake that fails to the garbage collector.
            marks=pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
        ),
    ],
    ids=["refused", "no-starttls", "no-tls"],
)
async def test_mail_that_is_not_taken_says_why(
    settings: dict[str, Any], security: str, message: str, is_final: bool
) -> None:
    """What no retry can mend is final; nothing is ever sent in the open where TLS was asked for."""
    async with _sink(**settings) as sink:
        with pytest.raises(ApplicationError) as refused:
            await _mailed(sink, security=security)
    assert (message in refused.value.message, is_final) == (True, refused.value.non_retryable), refused.value.message
    assert [] == sink.mails


async def test_a_worker_without_settings_says_what_to_set() -> None:
    """Whoever reads the report's note knows what is missing."""
    for target, variable in (
        ({"webhook": {"channel": "ops-team"}}, "MIGRATION_WEBHOOK_OPS_TEAM"),
        ({"email": {"to": ["ops@contoso.example"]}}, "MIGRATION_SMTP_HOST"),
    ):
        with pytest.raises(ApplicationError) as refused:
            await ActivityEnvironment().run(NotificationActivities().send_notification, _request(**target))
        assert variable in refused.value.message
