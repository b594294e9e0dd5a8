"""Finalising one virtual machine: its source is deleted, once the move is final, the target serves and people agree.

Nothing else in this project deletes a source. This workflow runs on a queue that only a worker of its own serves.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.finalise import FinaliseActivities
    from activities.snapshots import SnapshotActivities
    from activities.waits import WaitActivities
    from migration import ids, names
    from migration.chain import evidence
    from migration.evidence import short
    from migration.finalise import (
        DeletedPart,
        DeleteSourcePart,
        Finalised,
        FinaliseOutcome,
        FinaliseTask,
        JudgeFinalise,
        Judgement,
        KeptSnapshot,
        Moved,
        SourcePart,
        deletion_digest,
    )
    from migration.ids import ResourceId, describe
    from migration.keeping import KeepDisks, KeptDisk
    from migration.report import DecisionAnswer, MemoKeys, as_json
    from migration.times import utc_text
    from migration.waiting import ResourcesWait
from workflows.approval_desk import ApprovalDesk
from workflows.attributes import NEEDS_ACTION, PHASE
from workflows.board import now_text
from workflows.decisions import Decisions
from workflows.engine import Engine, reason_of, shielded, type_of
from workflows.failures import REFUSED, REJECTED, refusal, rejected
from workflows.holding import until_done
from workflows.messages import NOTHING
from workflows.resolutions import read_resolution
from workflows.vm_claim import Claim

Step = Callable[[], Awaitable[None]]
_LONGEST_NAME = 80
"""Of a snapshot."""


@workflow.defn(name=names.FINALISE_VM)
class FinaliseVm:
    """Deletes one source. A cancel stops before the next deletion; what was deleted stays deleted, and is told."""

    @workflow.init
    def __init__(self, task: FinaliseTask) -> None:
        self.task = task
        self.engine = Engine(self, names.FINALISE_TASK_QUEUE)
        self.decisions = Decisions(task)
        self.desk = ApprovalDesk(task, self.decisions, names.FINALISE_TASK_QUEUE)
        self.asked = ""
        self.claim = Claim(task)
        self.moved = Moved()
        self.judgement = Judgement()
        self.record = Finalised(
            name=task.vm.name, requester=task.requester, started=now_text(), run_id=workflow.info().run_id
        )
        self._shown: tuple[str, bool] | None = None

    async def finalise(self) -> None:
        """Delete the source: look, ask people, look again, take snapshots, delete part by part."""
        await self.step("checking", self.claim_source)
        await self.step("checking", self.look)
        await self.step("awaiting_approval", self.wait_for_approval)
        await self.step("snapshotting", self.take_snapshots)
        await self.step("deleting", self.delete_parts)

    @workflow.run
    async def run(self, task: FinaliseTask) -> Finalised:
        """Delete the source, or say why not."""
        del task
        try:
            await self.finalise()
        except (FailureError, asyncio.CancelledError) as error:
            self.engine.shielded = True
            cancelled = is_cancelled_exception(error) or isinstance(error, asyncio.CancelledError)
            await shielded(self.end(_outcome(error, cancelled=cancelled), reason_of(error)))
            if cancelled:
                raise
        else:
            await shielded(self.end("finalised", ""))
        return self.record

    async def step(self, phase: str, do: Step) -> None:
        """Do one step, unless a cancel came before it."""
        self.engine.stop_if_cancelled()
        self._enter(phase)
        await do()

    async def claim_source(self) -> None:
        """Keep every plan from moving this virtual machine meanwhile."""
        try:
            await self.claim.take()
        except WorkflowAlreadyStartedError:
            raise refusal(f"claiming {describe(self.task.vm.source_id)}: a plan moves it now") from None

    async def look(self) -> None:
        """See what the move left and what is there; anything that stands against it ends this here."""
        self.moved = await self.engine.call(
            FinaliseActivities.read_move, self.task, f"Read how the move of {self.task.vm.name} ended"
        )
        wanted = JudgeFinalise(task=self.task, moved=self.moved)
        self.judgement = await self.engine.call(
            FinaliseActivities.judge_finalise, wanted, "See what would be deleted, and what stands against it"
        )
        self._note(kept=[part for part in self.judgement.parts if not part.delete], to_delete=self._doomed)
        if self.judgement.reasons:
            raise refusal("; ".join(self.judgement.reasons))

    async def wait_for_approval(self) -> None:
        """Wait until enough people approve what is there; if that changes meanwhile, they are asked again."""
        while self._doomed:
            # Whoever reads the phase may decide at once, so the gate opens before anything is awaited.
            self.asked = self._digest()
            self.decisions.open_gate(self.asked)
            if self.desk.open_desk is None:
                await self.desk.open()
                self.engine.stop_if_cancelled()
            await self._until_decided()
            await self.look()
            if self._digest() == self.asked:
                break
            self.decisions.void("what would be deleted has changed", self._digest())
            self._incident("what would be deleted is not what was approved: the approvals are void")
        self.decisions.close_gate("nothing is left to decide about")

    async def take_snapshots(self) -> None:
        """Take a snapshot of each disk that is about to be deleted, where the plan wants it."""
        if not self.task.finalise.snapshot:
            return
        for part in (one for one in self.judgement.doomed if one.kind == "disk"):
            self.engine.stop_if_cancelled()
            await self._held(f"taking a snapshot of {describe(part.id)}", partial(self._snapshot, part))

    async def delete_parts(self) -> None:
        """Delete the machine, then its interfaces, then its disks; each is gone before the next is touched."""
        for part in self.judgement.doomed:
            self.engine.stop_if_cancelled()
            await self._held(f"deleting {describe(part.id)}", partial(self._delete, part))

    async def end(self, outcome: FinaliseOutcome, reason: str) -> None:
        """Close the books."""
        self.decisions.close_gate(f"finalising has ended ({outcome.replace('_', ' ')})")
        if outcome == "finalised" and self._doomed:
            outcome, reason = "needs_operator", f"left: {', '.join(describe(one) for one in self._doomed)}"
        elif outcome == "finalised" and not self.record.deleted:
            reason = "nothing was left of the source"
        await self.claim.release()
        self._note(outcome=outcome, reason=reason, ended=now_text())
        self._enter("done")
        await workflow.wait_condition(workflow.all_handlers_finished)
        self.record = self._status()
        told = as_json(self.record)
        workflow.upsert_memo({MemoKeys.FINALISED: told, MemoKeys.EVIDENCE: evidence(told)})

    @workflow.signal(name=names.SIGNAL_APPROVE_FINALISE, description='Let the source be deleted: {"approver": "..."}')
    async def approve_finalise(self, message: RawValue = NOTHING) -> None:
        """Take an approval."""
        await self.desk.take_signal(message, "approve")

    @workflow.signal(name=names.SIGNAL_REJECT_FINALISE, description='Keep the source: {"approver": "..."}')
    async def reject_finalise(self, message: RawValue = NOTHING) -> None:
        """Take a rejection: nothing is deleted."""
        await self.desk.take_signal(message, "reject")

    @workflow.update(name=names.UPDATE_DECIDE_FINALISE, description="Approve or reject, and learn whether it counted")
    async def decide_finalise(self, message: RawValue) -> DecisionAnswer:
        """Take a decision and answer whether it counted."""
        return await self.desk.take_update(message)

    @decide_finalise.validator
    def _validate_decision(self, message: RawValue) -> None:
        self.desk.validate_update(message)

    @workflow.update(name=names.UPDATE_RESOLVE, description="Move on what waits for a person: retry, skip or give_up")
    def resolve(self, message: RawValue) -> DecisionAnswer:
        """Take a person's word on what holds."""
        return self.engine.resolve(read_resolution(message))

    @resolve.validator
    def _validate_resolution(self, message: RawValue) -> None:
        self.engine.refuse_flood(read_resolution(message))

    @workflow.query(name=names.QUERY_STATUS)
    def status(self) -> Finalised:
        """Tell where it stands."""
        return self._status()

    def show(self, *, waiting_for: str = "", needs_action: bool = False, choices: tuple[str, ...] = ()) -> None:
        """Tell what is waited for, and whether a person must act."""
        told = f"{waiting_for} ({', '.join(choices)})" if choices else waiting_for
        self._note(waiting_for=told, needs_action=needs_action)
        if self._shown != (self.record.phase, needs_action):
            self._shown = (self.record.phase, needs_action)
            workflow.upsert_search_attributes(
                [PHASE.value_set(self.record.phase), NEEDS_ACTION.value_set(needs_action)]
            )
        workflow.set_current_details(self._markdown())

    def ask_person(self) -> Callable[[], None]:
        """Keep the phase: what waits for a person goes on where it was."""
        return self.show

    async def _until_decided(self) -> None:
        gate, people = self.decisions, ", ".join(self.task.approval.approvers)
        what = ", ".join(describe(one) for one in self._doomed)
        while gate.counted is None:
            heard = len(gate.recorded)
            required = self.task.approval.required
            missing = required - len(gate.approvals)
            who = f"{missing} of {people}" if required > 1 else f"a decision by {people}"
            self.show(waiting_for=f"{who}: delete {what}?", needs_action=True)
            await workflow.wait_condition(partial(self._heard_more_than, heard))
        self.show()
        if gate.counted.decision != "approve":
            raise rejected(f"{gate.counted.approver} keeps the source: {gate.counted.comment or 'no comment'}")

    def _heard_more_than(self, heard: int) -> bool:
        return self.decisions.counted is not None or len(self.decisions.recorded) != heard

    async def _held(self, doing: str, do: Step) -> None:
        """Do one thing; a failure waits for a person, and nothing after it happens meanwhile."""
        skipped = await until_done(self.engine, do, lambda why: f"{doing}: {why}")
        if skipped is not None:
            self._incident(f"{doing} was skipped by {self.engine.last_word}: {skipped}")

    async def _snapshot(self, part: SourcePart) -> None:
        disk, run = ResourceId.parse(part.id), self.record.run_id.replace("-", "")[-12:]
        name = f"{disk.name[: _LONGEST_NAME - len(run) - 1]}-{run}"
        snapshot_id = ids.snapshot_id(disk.subscription, disk.resource_group or "", name)
        until = workflow.now() + timedelta(seconds=self.task.finalise.keep_snapshots)
        wanted_until = utc_text(until)
        kept_disk = KeptDisk(disk_id=part.id, snapshot_id=snapshot_id)
        request = KeepDisks(plan=self.task.plan, disks=[kept_disk], keep_until=wanted_until)
        await self.engine.call(SnapshotActivities.keep_disks, request, f"Take a snapshot of {disk.name}")
        await self._until([snapshot_id], "provisioned", f"Until the snapshot of {disk.name} is there")
        kept = KeptSnapshot(id=snapshot_id, disk_id=part.id, size_gib=part.size_gib, wanted_until=wanted_until)
        self._note(snapshots=[*self.record.snapshots, kept])

    async def _delete(self, part: SourcePart) -> None:
        if part.kind == "disk" and self.task.finalise.snapshot and not self._has_snapshot(part):
            raise refusal("the plan wants a snapshot first, and there is none; skip leaves the disk")
        name = ResourceId.parse(part.id).name
        request = DeleteSourcePart(task=self.task, moved=self.moved, id=part.id, kind=part.kind)
        await self.engine.call(FinaliseActivities.delete_source_part, request, f"Delete {part.kind} {name}")
        await self._until([part.id], "gone", f"Until {part.kind} {name} is gone")
        gone = DeletedPart(id=part.id, kind=part.kind, at=now_text())
        left = [one for one in self.record.to_delete if one != part.id]
        self._note(deleted=[*self.record.deleted, gone], to_delete=left)

    async def _until(self, resource_ids: list[str], until: str, summary: str) -> None:
        await self.engine.wait(
            WaitActivities.wait_for_resources,
            lambda give_back: ResourcesWait.model_validate(
                {"ids": resource_ids, "until": until, "give_back_after_seconds": give_back}
            ),
            summary,
        )

    def _has_snapshot(self, part: SourcePart) -> bool:
        return any(ids.same_id(one.disk_id, part.id) for one in self.record.snapshots)

    @property
    def _doomed(self) -> list[str]:
        gone = {one.id for one in self.record.deleted}
        return [part.id for part in self.judgement.doomed if part.id not in gone]

    def _digest(self) -> str:
        return deletion_digest(self.task, self.moved, self.judgement)

    def _enter(self, phase: str) -> None:
        self._note(phase=phase)
        workflow.logger.info("Entering phase", extra={"phase": phase})
        self.show()

    def _note(self, **changes: object) -> None:
        self.record = self.record.model_copy(update=changes)

    def _incident(self, text: str) -> None:
        self._note(incidents=[*self.record.incidents, f"{now_text()} {text}"])
        workflow.logger.warning("Incident", extra={"incident": text})

    def _status(self) -> Finalised:
        approval = self.desk.state_about(self.asked) if self.asked else None
        if approval is not None and self.record.ended:
            approval = approval.model_copy(update={"desk": None})
        told = {
            "decisions": self.decisions.recorded,
            "last_refusal": self.decisions.last_refusal,
            "approval": approval,
        }
        return self.record.model_copy(update=told)

    def _markdown(self) -> str:
        record, vm = self.record, self.task.vm
        lines = [f"**Delete the source of {vm.name}**, {describe(vm.source_id)}", "", f"- Phase: **{record.phase}**"]
        if record.outcome:
            lines.append(f"- Outcome: **{record.outcome}**")
        if record.waiting_for:
            lines.append(f"- Waiting for: {record.waiting_for}")
        if record.needs_action:
            lines.append(f"- **A person must act.** `starter.py finalise {self.task.plan} approve --vm {vm.name}`")
        if record.reason:
            lines.append(f"- Reason: {record.reason}")
        if self.asked:
            lines.append(f"- Evidence: {short(self.asked)}")
        lines += [f"- Would delete: {describe(one)}" for one in record.to_delete]
        lines += [f"- Deleted: {describe(one.id)}" for one in record.deleted]
        lines += [f"- Kept: {describe(one.id)}: {one.why}" for one in record.kept]
        return "\n".join([*lines, *(f"- Snapshot: {describe(one.id)}" for one in record.snapshots)])


def _outcome(error: BaseException, *, cancelled: bool) -> FinaliseOutcome:
    if cancelled:
        return "cancelled"
    known: dict[str | None, FinaliseOutcome] = {REFUSED: "refused", REJECTED: "rejected"}
    return known.get(type_of(error), "needs_operator")
