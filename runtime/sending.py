"""Settings for what a worker sends to people and hooks: addresses and secrets that stand in no plan."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

from runtime.errors import SettingsError
from runtime.urls import called_url

WebhookUrl = Annotated[str, AfterValidator(called_url)]

_PREFIX, _SECRET = "MIGRATION_WEBHOOK_", "_SECRET"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class WebhookSetting(BaseModel):
    """Where a channel leads, and what signs what is sent there."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: SecretStr
    secret: SecretStr | None = None


def webhooks_in(environment: Mapping[str, str]) -> dict[str, WebhookSetting]:
    """Return the channels that an environment names, by their names in plans: `MIGRATION_WEBHOOK_OPS_TEAM` is ops-team.

    Raises:
        SettingsError: an address cannot be used, or a secret has no address; no value is repeated.
    """
    given = {name: value.strip() for name, value in environment.items() if name.startswith(_PREFIX) and value.strip()}
    urls = {name: value for name, value in given.items() if not name.endswith(_SECRET)}
    found: dict[str, WebhookSetting] = {}
    for variable, url in urls.items():
        name = variable.removeprefix(_PREFIX)
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise SettingsError(f"reading the environment variable {variable}: name channels by A-Z, 0-9 and _")
        try:
            called_url(url)
        except ValueError as error:
            raise SettingsError(
                f"reading the environment variable {variable}: {error}; correct it or unset it"
            ) from None
        secret = given.get(f"{variable}{_SECRET}")
        channel = name.lower().replace("_", "-")
        found[channel] = WebhookSetting(url=SecretStr(url), secret=SecretStr(secret) if secret else None)
    for variable in given.keys() - urls.keys():
        if variable.removesuffix(_SECRET) not in urls:
            raise SettingsError(
                f"reading the environment variable {variable}: {variable.removesuffix(_SECRET)} is not set; set both"
            )
    return found


def require_sound_mail(host: str | None, sender: str | None, security: Literal["starttls", "tls", "none"]) -> None:
    """Refuse settings of mail that would send nothing, or secrets in the open.

    Raises:
        SettingsError: they would.
    """
    if bool(host) != bool(sender):
        missing = "MIGRATION_SMTP_FROM" if host else "MIGRATION_SMTP_HOST"
        raise SettingsError(
            f"reading the environment variable {missing}: it is not set; mail needs both host and sender"
        )
    if security == "none" and host and (host or "").lower() not in _LOOPBACK:
        raise SettingsError(
            "reading the environment variable MIGRATION_SMTP_SECURITY: none is for a relay on this machine only; "
            "use starttls or tls"
        )
