"""Secrets are taken out of everything that is logged."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration import redaction
from migration.redaction import REDACTED, holds_secret, redact, redact_text, told

CANARY = "Zq8XKc0.canary~Vw3-71Aa"
SIGNED = "https://management.azure.com/Subscriptions/s/operations/o?api-version=2025-08-01"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"headers {{'Authorization': 'Bearer {CANARY}', 'Accept': 'json'}}",
        f'{{"authorization":"Basic {CANARY}"}}',
        f"sent Bearer {CANARY}",
        f"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.{CANARY}",
        f"https://account.blob.core.windows.net/c?sv=2024-01-01&sig={CANARY}&se=2026",
        f"{SIGNED}&t={CANARY}&c=MIIH&s=abc&h=def",
        f"{SIGNED}&t=1&c={CANARY}&s={CANARY}&h={CANARY}",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={CANARY}==;EndpointSuffix=core.windows.net",
        f"Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey={CANARY}",
        f"grant_type=client_credentials&client_secret={CANARY}&scope=x",
        f'{{"client_secret": "{CANARY}"}}',
        json.dumps(json.dumps({"adminPassword": CANARY})),
        f"password = '{CANARY}'",
        f"https://user:{CANARY}@proxy.example:3128",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}",
        f"mysqldump --password={CANARY} shop",
        f"login --token {CANARY}",
        f"SHOP_SECRET={CANARY}",
        f"https://hooks.slack.com/services/T00/B00/{CANARY}",
        f"https://contoso.webhook.office.com/webhookb2/{CANARY}/IncomingWebhook/x",
    ],
)
def test_a_secret_in_text_is_taken_out(text: str) -> None:
    """Whatever the shape in which libraries print it."""
    redacted = redact_text(text)

    assert CANARY not in redacted
    assert REDACTED in redacted


@pytest.mark.parametrize(
    "text",
    [
        "Basic tier is not offered in North Europe",
        "the bearer of this token",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/password-reset",
        "https://management.azure.com/x?api-version=2025-08-01&$filter=name eq 'c'&t=3",
        "replicating vm1: 45 %",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A log without ids and reasons helps nobody."""
    assert text == redact_text(text)


@pytest.mark.parametrize(
    "key", ["client_secret", "AZURE_CLIENT_SECRET", "adminPassword", "Authorization", "accountKey", "access_token"]
)
def test_a_value_under_a_secrets_name_goes_whole(key: str) -> None:
    """At any depth, and whatever its type."""
    assert {"a": [{key: REDACTED}]} == redact({"a": [{key: CANARY}]})
    assert {key: REDACTED} == redact({key: [CANARY]})


def test_names_and_counts_of_secrets_stay() -> None:
    """A path or an id is what one looks for in a log."""
    event = {"secret_name": "wave-1", "federated_token_file": "/run/token", "vm": "web-01", "attempt": 2}

    assert event == redact(event)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        (f"password: {CANARY}", "", True),
        ('curl -H "Authorization: Bearer $(cat /run/token)"', "", False),
        ("mysqldump --password=$PASSWORD shop", "", False),
        ("$env:TOKEN; Set-Thing -Token $env:TOKEN", "", False),
        (CANARY, "api_key", True),
        ("${API_KEY}", "api_key", False),
        ("", "password", False),
        ("/run/secrets/shop", "password_file", False),
        ("systemctl stop shop", "script", False),
    ],
)
def test_a_secret_is_told_from_the_name_of_one(text: str, key: str, expected: bool) -> None:
    """A script may name the variable that holds it."""
    assert expected == holds_secret(text, key)


def test_what_is_long_is_cut_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """And looked through little further than it is kept, so that megabytes cost nothing; no half of a secret stays."""
    looked_through: list[int] = []

    def counted(text: str) -> str:
        looked_through.append(len(text))
        return redact_text(text)

    monkeypatch.setattr(redaction, "redact_text", counted)
    long = "x" * 5_000_000

    assert "xxxxxxxxxxxxxxxxx... (5000000 characters, cut)"[-40:] == told(long, 100)[-40:]
    assert 100 == len(told(long, 100))
    assert "short" == told("short", 100)
    assert CANARY[:6] not in told(f"{'y' * 795} password={CANARY * 100}", 100)
    assert max(looked_through) < 1_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(before=st.text(), after=st.text())
def test_a_shared_access_signature_never_survives(before: str, after: str) -> None:
    """Whatever stands around it."""
    assert CANARY not in redact_text(f"{before}?sv=1&sig={CANARY}&{after}")


@given(before=st.text(), after=st.text())
def test_a_bearer_token_never_survives(before: str, after: str) -> None:
    """Whatever stands around it."""
    assert CANARY not in redact_text(f"{before} Bearer {CANARY} {after}")


@given(value=JSON)
def test_any_json_can_be_redacted(value: Any) -> None:
    """And stays JSON."""
    redacted = redact(value)

    assert redacted == json.loads(json.dumps(redacted))
