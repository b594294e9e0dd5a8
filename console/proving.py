"""Proving who decides: one token, sealed to the worker's key with what it is about, for each virtual machine."""

import asyncio
import time
import uuid
from dataclasses import dataclass, replace
from typing import Literal

from console.connection import Link
from console.errors import InputError, RefusedError, UnreachableError
from console.reading import query
from console.session import Session
from console.signing_in import SignIn, Wanted, token_for
from console.view import VmView
from migration import names
from migration.approvals import Desk, Statement
from migration.finalise import Finalised
from migration.report import VmStatus

_DESK_SECONDS = 8.0
_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Question:
    """What is decided: by which update it is answered, and what the workflow that asks tells of itself."""

    update: str
    status: type[VmStatus] | type[Finalised]


COMMIT = Question(names.UPDATE_DECIDE_COMMIT, VmStatus)
FINALISE = Question(names.UPDATE_DECIDE_FINALISE, Finalised)


@dataclass(frozen=True)
class Proof:
    """One person's word about the virtual machines that were looked at, as each stood then."""

    statement: Statement

    def sealed_for(self, vm: VmView) -> str:
        """Return the word, which only the worker behind *vm* can read.

        Raises:
            RefusedError: it does not fit into a message.
        """
        from migration.sealing import seal

        try:
            return seal(self.statement, _desk(vm).public_key)
        except ValueError as problem:
            raise RefusedError(f"sealing the decision about {vm.name}: {problem}") from None


def must_prove(vm: VmView) -> bool:
    """Tell whether the plan of *vm* believes no names."""
    return vm.approval is not None and vm.approval.identity == "entra"


async def prove(
    session: Session,
    plan: str,
    decision: Literal["approve", "reject"],
    vms: list[VmView],
    token_file: str | None,
    sign_in: SignIn,
) -> Proof:
    """Sign in once for all *vms*, whose desks are open.

    Raises:
        InputError: there is no token, or the plan wants one that this environment does not give out.
    """
    desk, ours = _desk(vms[0]), session.settings.approval_audience
    if desk.audience.rstrip("/") != ours.rstrip("/"):
        raise InputError(
            f"signing in: plan {plan} wants tokens for {desk.audience}, and this environment gives out those for "
            f"{ours}; if that is the application you mean, set MIGRATION_APPROVAL_AUDIENCE={desk.audience}"
        )
    token = await token_for(session, Wanted(desk.tenant, ours, desk.max_age_seconds), token_file, sign_in)
    evidence = {vm.name: (vm.approval.evidence or "") for vm in vms if vm.approval}
    return Proof(Statement(id=uuid.uuid4().hex, plan=plan, decision=decision, evidence=evidence, token=token))


async def with_desk(link: Link, vm: VmView, question: Question = COMMIT, *, other_than: str = "") -> VmView:
    """Return *vm* once it tells to which key a decision is sealed; *other_than* one that has been replaced.

    Raises:
        RefusedError: the worker cannot verify tokens; says why.
        UnreachableError: no worker has told its key in time.
    """
    deadline = time.monotonic() + _DESK_SECONDS
    while True:
        desk = vm.approval.desk if vm.approval else None
        if desk is not None and desk.problem:
            raise RefusedError(f"deciding about {vm.name}: {desk.problem}")
        if desk is not None and desk.public_key and desk.key_id != other_than:
            return vm
        if time.monotonic() > deadline:
            raise UnreachableError(
                f"deciding about {vm.name}: no worker has told the key to which its tokens are sealed; see that one "
                "runs, then try again"
            )
        await asyncio.sleep(_PAUSE_SECONDS)
        try:
            handle = link.client.get_workflow_handle(vm.workflow_id)
            status: VmStatus | Finalised | None = await query(handle, names.QUERY_STATUS, question.status)
        except TimeoutError:
            continue
        vm = replace(vm, approval=status.approval if status else vm.approval)


def key_of(vm: VmView) -> str:
    """Return the name of the key to which decisions about *vm* are sealed."""
    return _desk(vm).key_id


def _desk(vm: VmView) -> Desk:
    return (vm.approval.desk if vm.approval else None) or Desk()
