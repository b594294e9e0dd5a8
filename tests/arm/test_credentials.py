"""How this process proves who it is, and how fast it may ask."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential

from arm import reads
from arm.bucket import Bucket
from arm.clients import AzureClients
from arm.credentials import AzureAccess, credential_for
from arm.errors import classify

if TYPE_CHECKING:
    from tests.support.sim import Simulator

WHO = {"tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "66666666-7777-8888-9999-000000000000"}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({**WHO, "client_secret": "s", "federated_token_file": "/token"}, ClientSecretCredential),
        ({**WHO, "federated_token_file": "/token"}, WorkloadIdentityCredential),
        ({"client_id": WHO["client_id"]}, ManagedIdentityCredential),
        ({}, ManagedIdentityCredential),
    ],
)
async def test_the_credential_follows_from_what_is_given(given: dict[str, Any], kind: type) -> None:
    """A secret comes before a federated token, and a machine's own identity is what is left."""
    credential = credential_for(AzureAccess(**given))

    assert kind is type(credential)
    await credential.close()


def test_secrets_do_not_show() -> None:
    """What describes the access can be logged."""
    shown = repr(AzureAccess(**WHO, client_secret="canary-1", certificate_password="canary-2"))

    assert "canary" not in shown


async def test_a_wrong_secret_is_denied(sim: Simulator, access: AzureAccess) -> None:
    """The error names Entra's code, and not the secret."""
    async with AzureClients(replace(access, client_secret="canary-secret")) as azure:
        with pytest.raises(ClientAuthenticationError) as caught:
            await reads.read(azure, f"/subscriptions/{sim.subscription_id}")

    failure = classify(caught.value)
    assert "denied" == failure.kind
    assert "AADSTS7000215" in failure.message
    assert "canary" not in failure.message


async def test_one_client_of_a_kind_serves_a_subscription(azure: AzureClients) -> None:
    """Clients are made once, whatever the case of the subscription's id."""
    assert azure.compute("ABC") is azure.compute("abc")
    assert azure.compute("abc") is not azure.compute("abd")


async def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    """Two seconds' worth pass at once; what comes then waits for its token."""
    bucket = Bucket(per_second=20)
    began = time.monotonic()

    for _ in range(44):
        await bucket.take()

    assert 0.15 <= time.monotonic() - began < 2


async def test_a_paused_bucket_lets_nothing_pass() -> None:
    """A pause that Azure asked for holds everybody."""
    bucket = Bucket(per_second=20)
    bucket.pause(0.3)
    began = time.monotonic()

    await bucket.take()

    assert time.monotonic() - began >= 0.3
