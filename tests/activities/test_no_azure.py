"""Whoever asks for a check of a plan learns within seconds that Azure does not answer, or does not know the worker."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from azure.core.exceptions import AzureError, ServiceRequestError
from temporalio.testing import ActivityEnvironment

from activities.failures import ENVIRONMENT_FAILURE, subject_of, translated
from activities.preflight import PreflightActivities, check
from arm.clients import AzureClients
from arm.credentials import AzureAccess
from arm.errors import classify
from migration import names
from migration.plan_file import load_plan
from tests.activities.stage import access_to
from tests.support.sim import Simulator

CONTOSO = load_plan(Path(__file__).parents[2] / "plans" / "contoso.yaml")
UNKNOWN_TENANT = "11111111-1111-1111-1111-111111111111"
NOBODY = AzureAccess("https://localhost:1", "https://localhost:1", UNKNOWN_TENANT, "a", "secret")


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


async def why_no_check(access: AzureAccess) -> AzureError:
    """Return what ends a check, which must take less than ten seconds."""
    began = time.monotonic()
    async with AzureClients(access) as azure:
        with pytest.raises(AzureError) as caught:
            await check(azure, CONTOSO)
    assert time.monotonic() - began < 10
    return caught.value


async def test_an_unknown_tenant_or_secret_is_the_environments_fault() -> None:
    """Entra's 400 for a tenant that it does not know says nothing about a virtual machine, nor does its 401."""
    with Simulator() as sim:
        access = access_to(sim)
        tenant = classify(await why_no_check(replace(access, tenant_id=UNKNOWN_TENANT)))
        secret = classify(await why_no_check(replace(access, client_secret="wrong")))

    assert ("denied", True) == (tenant.kind, UNKNOWN_TENANT in tenant.message)
    assert ("denied", "invalid_client") == (secret.kind, secret.code)
    assert "AZURE_TENANT_ID" in tenant.remedy
    assert "secret" in secret.remedy


async def test_an_address_where_nobody_is() -> None:
    """The address is named as a person would, without the names of Python's objects."""
    failure = classify(await why_no_check(NOBODY))

    assert "environment" == failure.kind
    assert failure.message.startswith("Cannot connect to host localhost:1 [Connect call failed")
    assert "AZURE_AUTHORITY_HOST" in failure.remedy


async def test_an_address_that_says_nothing(silent_address: str) -> None:
    """A silent address is given up in time, and named."""
    failure = classify(await why_no_check(replace(NOBODY, endpoint=silent_address, authority=silent_address)))

    assert f"no answer from {silent_address} within 5 s" == failure.message


async def test_only_a_person_is_told_at_the_first_try() -> None:
    """A check alone ends at once; a plan's own check is tried again, since an outage must not refuse it."""
    ended = {}
    async with AzureClients(NOBODY) as azure:
        for asked_by in (names.CHECK_PLAN, names.MIGRATE_PLAN):
            environment = ActivityEnvironment()
            environment.info = replace(environment.info, workflow_type=asked_by, activity_type="check_plan")
            with pytest.raises(ServiceRequestError) as caught:
                await environment.run(PreflightActivities(azure).check_plan, CONTOSO)
            error = environment.run(translated, caught.value, subject_of(CONTOSO))
            ended[asked_by] = (error.type, error.non_retryable)

    assert (ENVIRONMENT_FAILURE, True) == ended[names.CHECK_PLAN]
    assert (ENVIRONMENT_FAILURE, False) == ended[names.MIGRATE_PLAN]
    assert error.message.startswith("asking Azure: Cannot connect to host localhost:1 [")
