"""Whose decision it is: an approver's access token, verified by the tenant's keys, and used once.

A token never leaves this module: not in a result, an error or a log. What comes back is a person, or a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from temporalio import activity
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from arm.tokens import KeysUnreadError
from migration import names
from migration.approvals import (
    MAX_AGE_SECONDS,
    Desk,
    OpenDesk,
    Person,
    Rules,
    Statement,
    UnacceptableError,
    Verified,
    VerifyApproval,
    audiences_of,
    judge,
)
from migration.report import MemoKeys
from migration.sealing import WrongKeyError

if TYPE_CHECKING:
    from temporalio.client import Client

    from arm.tokens import TenantKeys
    from migration.sealing import SealingKey


class ApprovalDesk:
    """What this worker knows of approvers' tokens: where they come from, for which application, and its own key."""

    def __init__(
        self,
        keys: TenantKeys,
        key: SealingKey,
        *,
        authority: str,
        tenant: str | None,
        audience: str,
        max_age_seconds: int = MAX_AGE_SECONDS,
    ) -> None:
        self.keys = keys
        self.key = key
        self.authority = authority
        self.tenant = tenant
        self.audience = audience
        self.max_age_seconds = max_age_seconds

    def rules(self, approvers: list[str], tenant: str | None, audience: str | None) -> Rules:
        """Return whose tokens count for a plan.

        Raises:
            UnacceptableError: nobody's.
        """
        wanted = tenant or self.tenant
        if not wanted:
            raise UnacceptableError(
                "no tenant is configured; name it in the plan (approval.tenant), or set AZURE_TENANT_ID for the worker"
            )
        if self.tenant and wanted.lower() != self.tenant.lower():
            raise UnacceptableError(
                f"the worker takes tokens of tenant {self.tenant} alone, and the plan names {wanted}; correct "
                "approval.tenant, or set MIGRATION_APPROVAL_TENANT for the worker"
            )
        return Rules(
            approvers=approvers,
            tenant=wanted,
            audiences=audiences_of(audience or self.audience),
            max_age_seconds=self.max_age_seconds,
        )


class ApprovalActivities:
    """Verifies who decides."""

    def __init__(self, desk: ApprovalDesk, client: Client, queue: str = names.WORKFLOW_TASK_QUEUE) -> None:
        """Mark tokens as used by workflows on *queue*, which this worker serves."""
        self._desk = desk
        self._client = client
        self._queue = queue

    @activity.defn
    async def open_desk(self, request: OpenDesk) -> Desk:
        """Tell how approvers' tokens may be sent to this worker."""
        desk = self._desk
        try:
            rules = desk.rules([], request.tenant, request.audience)
        except UnacceptableError as problem:
            return Desk(problem=str(problem))
        return Desk(
            tenant=rules.tenant,
            audience=request.audience or desk.audience,
            audiences=rules.audiences,
            authority=desk.authority,
            max_age_seconds=rules.max_age_seconds,
            key_id=desk.key.key_id,
            public_key=desk.key.public,
        )

    @activity.defn
    async def verify_approval(self, request: VerifyApproval) -> Verified:
        """Tell whose decision it is; a token that proves nobody is an answer, not an error."""
        try:
            person = await self._person(request)
        except WrongKeyError as refusal:
            return Verified(refusal=f"refused: {refusal}", wrong_key=True)
        except UnacceptableError as refusal:
            answer = Verified(refusal=f"refused: {refusal}")
        except KeysUnreadError as unread:
            answer = Verified(refusal=f"unknown: the tenant's keys cannot be read ({unread}); send it again")
        else:
            answer = Verified(person=person, evidence=request.evidence)
        told = {"object_id": answer.person.object_id} if answer.person else {"why": answer.refusal}
        structlog.get_logger(__name__).info("approver verified" if answer.person else "approver not verified", **told)
        return answer

    async def _person(self, request: VerifyApproval) -> Person:
        rules = self._desk.rules(request.approvers, request.tenant, request.audience)
        if request.sealed is not None:
            statement = self._desk.key.open(request.sealed)
            _require_about(statement, request)
            token, use = statement.token, f"statement {statement.id}"
        else:
            token = request.token or ""
            use = f"{request.decision} {request.plan}/{request.vm} {request.evidence}"
        claims = await self._desk.keys.claims(token, rules.tenant)
        # The server's clock, which a worker's wrong one cannot move.
        person = judge(claims, rules, activity.info().current_attempt_scheduled_time.timestamp())
        await self._use_once(person, use)
        return person

    async def _use_once(self, person: Person, use: str) -> None:
        """Spend the token on *use*; the same use again, as after a lost answer, is no other one.

        A workflow that ends at once keeps its id taken for the namespace's retention, which is longer than any token's
        life.
        """
        token_id = names.spent_approval_id(person.token_id)
        try:
            await self._client.start_workflow(
                names.SPENT_APPROVAL,
                id=token_id,
                task_queue=self._queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                memo={MemoKeys.USE: use},
                static_summary="A token that approved or rejected, and may not again",
            )
        except WorkflowAlreadyStartedError:
            description = await self._client.get_workflow_handle(token_id).describe()
            if await description.memo_value(MemoKeys.USE, default="") != use:
                raise UnacceptableError(
                    "replayed: this token has decided something else already; sign in again for another decision"
                ) from None


def _require_about(statement: Statement, request: VerifyApproval) -> None:
    """Refuse a statement about something else: what was sealed for one machine is no word about another."""
    if statement.plan != request.plan or request.vm not in statement.evidence:
        raise UnacceptableError("replayed: the sealed decision is about other virtual machines")
    if statement.decision != request.decision:
        raise UnacceptableError(f"replayed: the sealed decision is to {statement.decision}")
    if statement.evidence[request.vm] != request.evidence:
        raise UnacceptableError("the evidence changed since the decision was sealed; look at it again")
