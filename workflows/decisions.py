"""Who may let a commit happen, and what became of each message about it."""

from collections.abc import Callable
from typing import Literal

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration.models import VmTask
    from migration.report import Decision, DecisionAnswer, DecisionMessage
from workflows.board import now_text
from workflows.messages import read_message
from workflows.policies import RECENT_REFUSALS

Verdict = Literal["approve", "reject"]

_REFUSED_COMMENT, _REFUSED_APPROVER = 120, 80
"""How many bytes are kept of a message that did not count: a flood must not make the report large."""
_EXAMPLE = '{"approver": "..."}'


class Decisions:
    """The gate before the commit. Exactly one decision counts; every other message is recorded with its reason."""

    def __init__(self, task: VmTask) -> None:
        self._approval = task.approval
        self._requester = task.requester
        self._gate: Literal["before", "open", "over"] = "before"
        self.objection: Callable[[], str | None] = lambda: None
        """Why an approval may not count now, whoever sends it."""
        self.counted: Decision | None = None
        self.recorded: list[Decision] = []

    @property
    def last_refusal(self) -> str | None:
        """Why the newest message that did not count did not count."""
        refused = [decision for decision in self.recorded if not decision.counted]
        return refused[-1].reason if refused else None

    @property
    def flooded(self) -> bool:
        """Whether so many messages were refused that no more are recorded."""
        return sum(not decision.counted for decision in self.recorded) >= RECENT_REFUSALS

    def open_gate(self) -> None:
        """From now on decisions count."""
        self._gate = "open"

    def hold_gate(self) -> None:
        """Until it is opened again nothing counts: what would be approved is in question."""
        self._gate = "before"

    def close_gate(self) -> None:
        """The migration goes another way: what arrives from now on is late."""
        self._gate = "over"

    def take_signal(self, payload: RawValue, verdict: Verdict) -> None:
        """Judge `approve_commit` or `reject_commit`; what cannot be read is recorded as refused, not dropped."""
        try:
            message = read_message(payload, DecisionMessage, _EXAMPLE)
        except ValueError as error:
            self._record("", verdict, "", f"refused: {error}", via="signal", counted=False)
        else:
            self._judge(message, verdict, via="signal")

    def take_update(self, payload: RawValue) -> DecisionAnswer:
        """Judge `decide_commit` and say at once whether it counted."""
        message = read_message(payload, DecisionMessage, _EXAMPLE)
        decision = self._judge(message, "approve" if message.decision == "approve" else "reject", via="update")
        return DecisionAnswer(counted=decision.counted, reason=decision.reason)

    def validate_update(self, payload: RawValue) -> None:
        """Refuse, before it enters the history, only what is malformed, or a flood.

        Raises:
            ValueError: it is, and why.
        """
        if read_message(payload, DecisionMessage, _EXAMPLE).decision not in {"approve", "reject"}:
            raise ValueError('the field "decision" must be "approve" or "reject"')
        if self.flooded:
            raise ValueError(f"{RECENT_REFUSALS} messages were refused already; see the status for the reasons")

    def _judge(self, message: DecisionMessage, verdict: Verdict, *, via: str) -> Decision:
        reason = self._refusal(message) or self._objection(verdict)
        counted = reason is None
        told = reason or f"{verdict} by {message.approver} counts"
        decision = self._record(message.approver, verdict, message.comment, told, via=via, counted=counted)
        if counted:
            self.counted = decision
        return decision

    def _refusal(self, message: DecisionMessage) -> str | None:
        if self.counted is not None:
            return f"late: {self.counted.approver} decided already ({self.counted.decision})"
        if not self._known(message.approver):
            return f"refused: {_cut(message.approver, _REFUSED_APPROVER)} is not an approver of this plan"
        if self._is_requester(message.approver) and not self._approval.allow_self_approval:
            return f"refused: {message.approver} started this plan and may not approve it"
        if self._gate == "over":
            return "late: the virtual machine is on its way back to the source"
        if self._gate == "before":
            return "early: the virtual machine does not wait for a decision now; send it again when it does"
        return None

    def _objection(self, verdict: Verdict) -> str | None:
        objection = self.objection() if verdict == "approve" else None
        return f"refused: {objection}" if objection else None

    def _known(self, approver: str) -> bool:
        return approver.strip().casefold() in {known.strip().casefold() for known in self._approval.approvers}

    def _is_requester(self, approver: str) -> bool:
        return approver.strip().casefold() == self._requester.strip().casefold()

    def _record(self, approver: str, verdict: str, comment: str, reason: str, *, via: str, counted: bool) -> Decision:
        decision = Decision(
            approver=approver if counted else _cut(approver, _REFUSED_APPROVER),
            decision=verdict,
            comment=comment if counted else _cut(comment, _REFUSED_COMMENT),
            at=now_text(),
            counted=counted,
            reason=reason,
            by=via,
        )
        # An approver who asks again and again while rows are open is told each time, and shuts nobody out by it.
        again = self.recorded and reason == self._objection("approve") and self.recorded[-1].reason == reason
        if counted or not (self.flooded or again):
            self.recorded.append(decision)
        return decision


def _cut(text: str, size: int) -> str:
    """Return the beginning of *text* that takes at most *size* bytes, without what JSON would blow up."""
    plain = "".join(character if character.isprintable() else "?" for character in text[:size])
    return plain.encode()[:size].decode(errors="ignore")
