"""Tell people by webhook and by e-mail. Nothing waits for it, and what cannot be sent stops nothing."""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Literal

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import webhooks
from activities.webhooks import Channels
from migration.notices import SendNotification, as_json, as_slack, as_teams, subject_of, text_of
from migration.wires import Wires

FAILURE = "MailFailure"
SMTP_SECONDS = 15.0
_FORMATS = {"json": as_json, "slack": as_slack, "teams": as_teams}


@dataclass(frozen=True)
class MailServer:
    """How mail is sent. `security`: `none` is for a relay on this machine only."""

    host: str
    sender: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


@dataclass(frozen=True)
class Senders:
    """What a worker may send with."""

    channels: Channels = field(default_factory=Channels)
    mail: MailServer | None = None
    ui_url: str | None = None

    @property
    def wires(self) -> Wires:
        """By what people can be reached, without addresses."""
        return Wires(frozenset(self.channels.by_name), self.mail is not None)


class NotificationActivities:
    """Messages to people."""

    def __init__(self, senders: Senders | None = None) -> None:
        self._senders = senders or Senders()

    @activity.defn
    async def send_notification(self, request: SendNotification) -> None:
        """Send one message once in this attempt; its key is the same in each, so that a receiver can tell.

        Raises:
            ApplicationError: it was not taken.
        """
        if request.webhook is not None:
            name = request.webhook.channel
            content: dict[str, Any] = _FORMATS[request.webhook.format](request, self._senders.ui_url)
            await webhooks.post(name, self._senders.channels.named(name), content, request.key)
        if request.email is not None:
            server = self._senders.mail
            if server is None:
                raise _failed(
                    "the worker cannot send mail: set MIGRATION_SMTP_HOST and MIGRATION_SMTP_FROM", final=True
                )
            await asyncio.to_thread(_send, server, _mail(request, server, self._senders.ui_url))


def _mail(request: SendNotification, server: MailServer, ui_url: str | None) -> EmailMessage:
    assert request.email is not None  # noqa: S101 - the caller asked
    mail = EmailMessage()
    mail["Subject"] = subject_of(request)
    mail["From"] = server.sender
    mail["To"] = ", ".join(request.email.to)
    mail["Date"] = formatdate()
    digest = hashlib.sha256(request.key.encode()).hexdigest()[:32]
    # The same for every attempt: mail servers and readers drop what they have already.
    mail["Message-ID"] = f"<{digest}@azure-vm-migration.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text_of(request, ui_url))
    return mail


def _send(server: MailServer, mail: EmailMessage) -> None:
    try:
        with _connection(server) as smtp:
            if server.user:
                smtp.login(server.user, server.password or "")
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused:
        raise _failed("sending mail: every mailbox was refused", final=True) from None
    except smtplib.SMTPAuthenticationError:
        raise _failed("sending mail: the user or the password is wrong", final=True) from None
    except smtplib.SMTPResponseException as error:
        final = 500 <= error.smtp_code < 600
        raise _failed(f"sending mail: the server answered {error.smtp_code}", final=final) from None
    except smtplib.SMTPNotSupportedError:
        raise _failed("sending mail: the server offers no TLS; nothing is sent without", final=True) from None
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise _failed(f"sending mail: no connection ({type(error).__name__})", final=False) from None


def _connection(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file)
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=SMTP_SECONDS, context=context)
    smtp = smtplib.SMTP(server.host, server.port, timeout=SMTP_SECONDS)
    if server.security == "starttls":
        try:
            smtp.starttls(context=context)
        except (smtplib.SMTPException, OSError):
            smtp.close()
            raise
    return smtp


def _failed(message: str, *, final: bool) -> ApplicationError:
    return ApplicationError(message, type=FAILURE, non_retryable=final)
