"""Who may let a commit happen, and what became of each message about it."""

from collections.abc import Callable
from typing import Literal, Protocol

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from migration.approvals import Person
    from migration.evidence import short
    from migration.plan import Approval
    from migration.report import Decision, DecisionAnswer, DecisionMessage
from workflows.board import now_text
from workflows.messages import read_message
from workflows.policies import RECENT_REFUSALS

Verdict = Literal["approve", "reject"]
Via = Literal["signal", "update"]

_REFUSED_COMMENT, _REFUSED_APPROVER = 120, 80
"""How many bytes are kept of a message that did not count: a flood must not make the report large."""
EXAMPLE = '{"approver": "..."}'


class Asked(Protocol):
    """What is decided about."""

    @property
    def approval(self) -> Approval:
        """Who may decide."""

    @property
    def requester(self) -> str:
        """Who asked for it."""


class Decisions:
    """The gate before the commit: as many approvals as the plan wants, or one rejection. All else is recorded too.

    Nothing here waits, so that of any two messages one is first. Where the plan wants tokens, whoever calls has them
    verified before (`approval_desk`), and passes the person whom they proved.
    """

    def __init__(self, task: Asked) -> None:
        self._approval = task.approval
        self._requester = task.requester
        self._gate: Literal["before", "open", "over"] = "before"
        self._over = ""
        self.objection: Callable[[], str | None] = lambda: None
        """Why an approval may not count now, whoever sends it."""
        self.evidence: str | None = None
        self.counted: Decision | None = None
        self.approvals: list[Decision] = []
        self.recorded: list[Decision] = []
        self._refusals = 0
        self._people = {known.strip().casefold() for known in task.approval.approvers}

    @property
    def last_refusal(self) -> str | None:
        """Why the newest message that did not count did not count."""
        refused = [decision for decision in self.recorded if not decision.counted]
        return refused[-1].reason if refused else None

    @property
    def flooded(self) -> bool:
        """Whether so many messages were refused that no more are recorded."""
        return self._refusals >= RECENT_REFUSALS

    @property
    def verifies(self) -> bool:
        """Whether a decision has to prove whose it is."""
        return self._approval.identity == "entra"

    def open_gate(self, evidence: str | None = None) -> None:
        """From now on decisions count, about *evidence* (a hash)."""
        self._gate, self.evidence = "open", evidence

    def hold_gate(self) -> None:
        """Until it is opened again nothing counts: what would be approved is in question."""
        self._gate = "before"

    def close_gate(self, why: str = "the virtual machine is on its way back to the source") -> None:
        """Nothing is decided any more: what arrives from now on is late, and told *why*."""
        self._gate, self._over = "over", why

    def void(self, why: str, evidence: str) -> None:
        """Take the approvals back: what they approved is not so any more. The gate waits for a new decision.

        A rejection stands, whatever became of what was rejected.
        """
        if self.counted is not None and self.counted.decision != "approve":
            return
        gone = {"counted": False, "reason": f"void: {why}"}
        self._refusals += sum(one.counted for one in self.recorded)
        self.recorded = [one.model_copy(update=gone) if one.counted else one for one in self.recorded]
        self.counted, self.approvals, self.evidence = None, [], evidence

    def until_more(self, or_else: Callable[[], bool]) -> Callable[[], bool]:
        """Return what tells whether the next approval, the decision, or something else has come."""
        given = len(self.approvals)
        return lambda: self.counted is not None or len(self.approvals) != given or or_else()

    def decide_by_policy(self) -> None:
        """Let the plan's own word stand for a decision that nobody took before the deadline (`at_deadline: commit`)."""
        reason = "nobody decided before the deadline, and the plan says commit"
        message = DecisionMessage.model_construct(approver="the plan's policy", comment="")
        self.counted = self._record(message, "approve", reason, "policy", counted=True)

    def decide_with_group(self, by: str) -> None:
        """Let the approval of another member stand for the whole consistency group, this one included."""
        reason = "its consistency group is approved as one"
        message = DecisionMessage.model_construct(approver=by, comment="")
        self.counted = self._record(message, "approve", reason, "group", counted=True)

    def take_signal(self, payload: RawValue, verdict: Verdict) -> None:
        """Judge `approve_commit` or `reject_commit`; what cannot be read is recorded as refused, not dropped."""
        message = self.read_signal(payload, verdict)
        if message is not None:
            self.judge(message, verdict, "signal")

    def read_signal(self, payload: RawValue, verdict: Verdict) -> DecisionMessage | None:
        """Return the message of a signal; of one that cannot be read that is recorded, and None returned."""
        try:
            return read_message(payload, DecisionMessage, EXAMPLE)
        except ValueError as error:
            self._record(DecisionMessage.model_construct(approver=""), verdict, f"refused: {error}", "signal")
            return None

    def take_update(self, payload: RawValue) -> DecisionAnswer:
        """Judge `decide_commit` and say at once whether it counted."""
        message, verdict = read_update(payload)
        return answer_of(self.judge(message, verdict, "update"))

    def validate_update(self, payload: RawValue) -> None:
        """Refuse, before it enters the history, only what is malformed, or would not count in a flood.

        Raises:
            ValueError: it is, and why.
        """
        message, verdict = read_update(payload)
        if self.flooded and (self.why_not(message, verdict) if not self.verifies else self.why_not_yet(message)):
            raise ValueError(f"{RECENT_REFUSALS} messages were refused already; see the status for the reasons")

    def judge(self, message: DecisionMessage, verdict: Verdict, via: Via, person: Person | None = None) -> Decision:
        """Let a decision count, or say why not."""
        reason = self.why_not(message, verdict, person)
        if reason is not None:
            return self._record(message, verdict, reason, via, person)
        who = person.label if person else message.approver
        needed = self._approval.required
        told = f"{verdict} by {who} counts"
        if verdict == "approve" and needed > 1:
            told += f": {len(self.approvals) + 1} of {needed}"
        decision = self._record(message, verdict, told, via, person, counted=True)
        if verdict == "approve":
            self.approvals.append(decision)
        if verdict == "reject" or len(self.approvals) >= needed:
            self.counted = decision
        return decision

    def refuse(self, message: DecisionMessage, verdict: Verdict, reason: str, via: Via) -> Decision:
        """Record a decision that does not count."""
        return self._record(message, verdict, reason, via)

    def why_not_yet(self, message: DecisionMessage) -> str | None:
        """Return why a decision would not count whoever sent it, None where that has to be seen."""
        if self.counted is not None:
            return f"late: {self.counted.approver} decided already ({self.counted.decision})"
        if self._gate == "over":
            return f"late: {self._over}"
        if self._gate == "before":
            return "early: the virtual machine does not wait for a decision now; send it again when it does"
        if message.evidence is not None and not self._is_about_now(message.evidence.strip().lower()):
            now = short(self.evidence or "unknown")
            return f"refused: the evidence is {now} now, not {short(message.evidence)}; look at it again"
        if self.verifies and not (message.token or message.sealed):
            return "refused: this plan believes no names; sign in and send a token, as `starter.py approve` does"
        return None

    def _objection(self, verdict: Verdict) -> str | None:
        objection = self.objection() if verdict == "approve" else None
        return f"refused: {objection}" if objection else None

    def why_not(self, message: DecisionMessage, verdict: Verdict, person: Person | None = None) -> str | None:
        """Return why a decision does not count, None where it does."""
        if self.counted is None:
            stranger = self._why_not_by(message, verdict, person)
            if stranger is not None:
                return stranger
        return self.why_not_yet(message) or self._why_not_again(message, verdict, person) or self._objection(verdict)

    def _why_not_by(self, message: DecisionMessage, verdict: Verdict, person: Person | None) -> str | None:
        if self.verifies:
            if person is None:
                return self.why_not_yet(message) or "refused: nobody has verified whose decision this is"
            claimed = message.approver.strip()
            if "@" in claimed and not person.is_called(claimed):
                return (
                    f"refused: the token is {person.label}'s, and the message says {_cut(claimed, _REFUSED_APPROVER)}"
                )
        elif not self._known(message.approver):
            return f"refused: {_cut(message.approver, _REFUSED_APPROVER)} is not an approver of this plan"
        is_own = self._is_requester(message, person) and not self._approval.allow_self_approval
        if is_own and _wants_other_eyes(verdict):
            who = person.label if person else message.approver
            return f"refused: {who} started this plan and may not approve it"
        return None

    def _why_not_again(self, message: DecisionMessage, verdict: Verdict, person: Person | None) -> str | None:
        """Return why the same person's second approval does not count; to change one's mind is a rejection."""
        who = (person.object_id if person else message.approver.strip()).casefold()
        given = {(one.object_id or one.approver.strip()).casefold() for one in self.approvals}
        if verdict == "approve" and who in given:
            by = person.label if person else message.approver
            return f"duplicate: {by} has approved already; {len(given)} of {self._approval.required}"
        return None

    def _is_about_now(self, given: str) -> bool:
        """Tell whether a hash, or as much of it as people are shown, is that of the evidence as it is."""
        now = self.evidence or ""
        return len(given) >= len(short(now)) > 0 and now.startswith(given)

    def _known(self, approver: str) -> bool:
        return approver.strip().casefold() in self._people

    def _is_requester(self, message: DecisionMessage, person: Person | None) -> bool:
        if person is not None:
            return person.is_called(self._requester)
        return message.approver.strip().casefold() == self._requester.strip().casefold()

    def _record(
        self,
        message: DecisionMessage,
        verdict: str,
        reason: str,
        via: Via | Literal["policy", "group"],
        person: Person | None = None,
        *,
        counted: bool = False,
    ) -> Decision:
        who = person.label if person else message.approver
        decision = Decision(
            approver=who if counted else _cut(who, _REFUSED_APPROVER),
            decision=verdict,
            comment=message.comment if counted else _cut(message.comment, _REFUSED_COMMENT),
            at=now_text(),
            counted=counted,
            reason=reason,
            by=via,
            identity=self._approval.identity,
            object_id=person.object_id if person else None,
            token_id=person.token_id if person else None,
            evidence=self.evidence if counted else None,
        )
        # An approver who asks again and again while rows are open is told each time, and shuts nobody out by it.
        again = self.recorded and reason == self._objection("approve") and self.recorded[-1].reason == reason
        if counted or not (self.flooded or again):
            self.recorded.append(decision)
            self._refusals += not counted
        return decision


def _wants_other_eyes(verdict: Verdict) -> bool:
    """Tell whether a decision of who started the plan is somebody else's.

    Four eyes stand before the commit; the way back is open to whoever might have cancelled.
    """
    if verdict == "approve":
        return True
    can_ask = workflow.in_workflow() and not workflow.unsafe.is_read_only()
    return can_ask and not workflow.patched("requester-may-reject")


def read_update(payload: RawValue) -> tuple[DecisionMessage, Verdict]:
    """Return what `decide_commit` carries.

    Raises:
        ValueError: it is malformed; the text says what to send.
    """
    message = read_message(payload, DecisionMessage, EXAMPLE)
    if message.decision not in {"approve", "reject"}:
        raise ValueError('the field "decision" must be "approve" or "reject"')
    return message, "approve" if message.decision == "approve" else "reject"


def answer_of(decision: Decision) -> DecisionAnswer:
    """Return what the sender of an update is told."""
    return DecisionAnswer(counted=decision.counted, reason=decision.reason)


def _cut(text: str, size: int) -> str:
    """Return the beginning of *text* that takes at most *size* bytes, without what JSON would blow up."""
    if len(text) <= size and text.isascii() and text.isprintable():
        return text
    plain = "".join(character if character.isprintable() else "?" for character in text[:size])
    return plain.encode()[:size].decode(errors="ignore")
