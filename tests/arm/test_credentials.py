"""How this process proves who it is, and how fast it may ask."""

from __future__ import annotations

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
from tests.support.virtual import run_virtually

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.mark.parametrize(("is_told", "at_once"), [(True, 40), (False, 20)])
def test_a_bucket_lets_a_burst_pass_and_then_its_rate(*, is_told: bool, at_once: int) -> None:
    """Two seconds' worth pass at once, fewer where Azure has not told what it has left; then each waits for a token."""

    async def story(clock: Callable[[], float]) -> float:
        bucket = Bucket(per_second=20, clock=clock)
        if is_told:
            bucket.told(1_000)
        began = clock()
        for _ in range(44):
            await bucket.take()
        return clock() - began

    assert pytest.approx((44 - at_once) / 20, abs=0.06) == run_virtually(story)


def test_a_paused_bucket_lets_nothing_pass() -> None:
    """A pause that Azure asked for holds everybody."""

    async def story(clock: Callable[[], float]) -> float:
        bucket = Bucket(per_second=20, clock=clock)
        bucket.pause(0.3)
        began = clock()
        await bucket.take()
        return clock() - began

    assert pytest.approx(0.3, abs=0.06) == run_virtually(story)
