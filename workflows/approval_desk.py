"""Where decisions arrive, and are verified in plans that want tokens.

An activity verifies one after the other. Signals and updates have a bounded queue each, so that a flood of signals
leaves the way of the updates free.
"""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.approval import ApprovalActivities
    from migration.approvals import (
        ApprovalState,
        Desk,
        OpenDesk,
        Rules,
        UnacceptableError,
        Verified,
        VerifyApproval,
        judge,
        unverified,
    )
    from migration.evidence import Evidence
    from migration.models import VmSpec
    from migration.names import AZURE_TASK_QUEUE
    from migration.report import Decision, DecisionAnswer, DecisionMessage
from workflows import policies
from workflows.decisions import Asked, Decisions, Verdict, Via, answer_of, read_update

_NOBODY = "unknown: no worker has verified the token in time; send it again"


class Lane:
    """One queue of decisions that wait to be verified, with its limits."""

    def __init__(self, via: Via, limits: policies.LaneLimits) -> None:
        self.via = via
        self._limits = limits
        self._lock = asyncio.Lock()
        self._inside = self._count = 0
        self._begun: deque[datetime] = deque(maxlen=limits.per_minute)

    @property
    def why_full(self) -> str | None:
        """Why no more can be verified now; None where there is room."""
        if self._count >= self._limits.in_all or workflow.info().get_current_history_length() > self._limits.history:
            hint = ", which takes updates still" if self.via == "signal" else ""
            return f"refused: too many decisions were sent to this virtual machine; use `starter.py approve`{hint}"
        is_quick = len(self._begun) == self._limits.per_minute and workflow.now() - self._begun[0] < _MINUTE
        if self._inside >= self._limits.waiting or is_quick:
            return "refused: too many tokens at once; send it again in a minute, by an update (`starter.py approve`)"
        return None

    async def __aenter__(self) -> None:
        """Wait for one's turn: who came first is verified first."""
        self._inside += 1
        self._count += 1
        self._begun.append(workflow.now())
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._lock.release()
        self._inside -= 1


_MINUTE = timedelta(minutes=1)


class AskedOfVm(Asked, Protocol):
    """What is decided about, of a virtual machine of a plan."""

    @property
    def plan(self) -> str:
        """The plan's name."""

    @property
    def vm(self) -> VmSpec:
        """The virtual machine."""


class ApprovalDesk:
    """Takes decisions, has their tokens verified where the plan wants that, and passes them to the gate."""

    def __init__(self, task: AskedOfVm, decisions: Decisions, queue: str = AZURE_TASK_QUEUE) -> None:
        """Let the workers of *queue* verify."""
        self._task = task
        self._verifying = {**policies.VERIFYING, "task_queue": queue}
        self._decisions = decisions
        self._lanes = {via: Lane(via, limits) for via, limits in policies.LANES.items()}
        self._opened: datetime | None = None
        self.open_desk: Desk | None = None

    async def open(self) -> None:
        """Learn how tokens may be sent to a worker; where none answers soon, whoever decides is told."""
        if not self._decisions.verifies:
            return
        approval, self._opened = self._task.approval, workflow.now()
        try:
            self.open_desk = await workflow.execute_activity_method(
                ApprovalActivities.open_desk,
                OpenDesk(tenant=approval.tenant, audience=approval.audience),
                summary="Ask how approvers' tokens may be sent",
                **self._verifying,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from None
            workflow.logger.warning("No worker tells how tokens may be sent to it")

    def state(self, evidence: Evidence | None) -> ApprovalState | None:
        """Return what an approver has to know; None while there is nothing to approve."""
        return None if evidence is None else self.state_about(evidence.digest, evidence)

    def state_about(self, digest: str, bundle: Evidence | None = None) -> ApprovalState:
        """Return what an approver has to know of what has that hash."""
        return ApprovalState(
            identity=self._task.approval.identity,
            required=self._task.approval.required,
            approved_by=[one.approver for one in self._decisions.approvals],
            evidence=digest,
            bundle=bundle,
            desk=self.open_desk,
        )

    async def take_signal(self, payload: RawValue, verdict: Verdict) -> None:
        """Judge `approve_commit` or `reject_commit`."""
        if not self._decisions.verifies:
            self._decisions.take_signal(payload, verdict)
            return
        message = self._decisions.read_signal(payload, verdict)
        if message is not None:
            await self._judge(message, verdict, "signal")

    async def take_update(self, payload: RawValue) -> DecisionAnswer:
        """Judge `decide_commit`, and say whether it counted."""
        if not self._decisions.verifies:
            return self._decisions.take_update(payload)
        message, verdict = read_update(payload)
        return answer_of(await self._judge(message, verdict, "update"))

    def validate_update(self, payload: RawValue) -> None:
        """Refuse, before it enters the history, what is malformed, and what there is no room for.

        Raises:
            ValueError: it is, and why.
        """
        self._decisions.validate_update(payload)
        if not self._decisions.verifies:
            return
        message, _ = read_update(payload)
        never = self._why_never(message) if self._decisions.flooded else None
        why_not = never or self._lanes["update"].why_full
        if why_not is not None:
            raise ValueError(why_not.removeprefix("refused: "))

    async def _judge(self, message: DecisionMessage, verdict: Verdict, via: Via) -> Decision:
        lane, decisions = self._lanes[via], self._decisions
        # What would be refused anyway costs no activity: a stranger can send ten thousand of these.
        reason = decisions.why_not_yet(message) or self._why_never(message) or lane.why_full
        if reason is not None:
            return decisions.refuse(message, verdict, reason, via)
        async with lane:
            reason = decisions.why_not_yet(message)
            if reason is not None:
                return decisions.refuse(message, verdict, reason, via)
            verified = await self._verified(message, verdict)
        if verified.person is None:
            return decisions.refuse(message, verdict, verified.refusal, via)
        # It is about what was seen when it was verified, and no more than that.
        bound = message.model_copy(update={"evidence": verified.evidence})
        return decisions.judge(bound, verdict, via, verified.person)

    def _why_never(self, message: DecisionMessage) -> str | None:
        """Return why a token that came unsealed cannot count, whoever signed it."""
        if message.sealed or not message.token:
            return None
        approval, desk = self._task.approval, self.open_desk
        try:
            claims = unverified(message.token)
            tenant = approval.tenant or (desk.tenant if desk else "")
            if tenant:
                rules = Rules(approvers=approval.approvers, tenant=tenant, audiences=desk.audiences if desk else [])
                judge(claims, rules, workflow.now().timestamp())
        except UnacceptableError as refusal:
            return f"refused: {refusal}"
        return None

    async def _verified(self, message: DecisionMessage, verdict: Verdict) -> Verified:
        approval = self._task.approval
        request = VerifyApproval(
            plan=self._task.plan,
            vm=self._task.vm.name,
            decision=verdict,
            evidence=self._decisions.evidence or "",
            tenant=approval.tenant,
            audience=approval.audience,
            approvers=approval.approvers,
            token=None if message.sealed else message.token,
            sealed=message.sealed,
        )
        try:
            answer: Verified = await workflow.execute_activity_method(
                ApprovalActivities.verify_approval,
                request,
                summary=f"Verify who decides to {verdict}",
                **self._verifying,
            )
        except ActivityError:
            return Verified(refusal=_NOBODY)
        if answer.wrong_key and (self._opened is None or workflow.now() - self._opened > policies.DESK_PAUSE):
            await self.open()
        return answer
