"""Whom a resolution goes to."""

from typing import cast

import pytest
from temporalio.client import Client

from console import resolving
from console.connection import Link
from console.errors import InputError
from console.view import PlanView, VmView
from migration.report import Resolution


async def test_a_machine_that_has_not_begun_is_not_said_to_have_ended() -> None:
    """While the plan is being prepared its virtual machines have no workflow yet, and nobody is asked."""
    view = PlanView("shop", (VmView("web-01", workflow_id="migrate-vm/shop/web-01"),), is_running=True)

    addressed = resolving._addressed(view, "WEB-01")
    answer = await resolving._answer(
        Link(cast("Client", None), "", 0), addressed, Resolution(action="retry", by="anna", reason="again")
    )

    assert ("web-01", "checking") == (addressed.name, addressed.stand)
    assert (False, "it has not begun") == (answer.counted, answer.reason)


def test_a_plan_that_waits_for_nobody_takes_no_resolution() -> None:
    """Without a name it is the plan's own step that is meant."""
    view = PlanView("shop", (VmView("web-01"),), is_running=True)

    with pytest.raises(InputError, match="the plan itself waits for nobody"):
        resolving._addressed(view, None)
