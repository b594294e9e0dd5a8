"""The evidence that an approver sees, and whether it still holds right before the commit."""

from collections.abc import Callable

from pydantic import JsonValue
from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from migration.evidence import CopyEvidence, Evidence, changes, short
    from migration.models import VmTask
    from migration.parity.values import ParityRow
    from migration.plan_approval import GROUP
    from migration.proofs import Proof
from workflows.board import Board
from workflows.cutover import Cutover
from workflows.parity import Parity


class Dossier:
    """Gathers what the other chapters know. A chapter that has more to show puts what reads it into `parts`."""

    def __init__(self, task: VmTask, board: Board, cutover: Cutover, parity: Parity) -> None:
        self._task = task
        self._board = board
        self._cutover = cutover
        self._parity = parity
        self.parts: dict[str, Callable[[], JsonValue]] = {
            "parity": lambda: [_row(row) for row in board.parity],
            "verification": lambda: _proof(board.verification),
        }

    def gather(self) -> Evidence:
        """Return the bundle as of the last look at both sides, and show it."""
        task, board, seen = self._task, self._board, self._cutover.seen
        fence = board.fence
        board.evidence = Evidence(
            plan=task.plan,
            plan_hash=task.plan_hash,
            vm=task.vm.name,
            wave=task.vm.wave,
            source=CopyEvidence(
                id=task.vm.source_id,
                vm_id=seen.source_vm_id if seen else None,
                power=seen.source_power_state if seen else None,
            ),
            target=CopyEvidence(
                id=task.vm.target_id,
                vm_id=seen.target_vm_id if seen else None,
                power=seen.target_power_state if seen else None,
            ),
            fence=fence,
            recovery_point=fence.recovery_point_time if fence else None,
            mismatches=board.mismatches,
            downtime_seconds=board.downtime_seconds,
            parts={name: part for name, read in self.parts.items() if (part := read())},
        )
        return board.evidence

    async def changes(self) -> list[str]:
        """Look at both sides and their differences again, and return in words what is not as the bundle says."""
        before = self._board.evidence or self.gather()
        await self._cutover.look_again()
        await self._parity.look_again()
        return changes(before, self.gather())

    def awaited(self, given: list[str]) -> str:
        """Return what is waited for, as a person reads it; *given* names who has approved already."""
        approval, evidence = self._task.approval, self._board.evidence
        people = ", ".join(
            f"a member of group {one.removeprefix(GROUP)}" if one.startswith(GROUP) else one
            for one in approval.approvers
        )
        what = f"{approval.required} approvals" if approval.required > 1 else "a decision"
        so_far = f", of which there is one by {', '.join(given)}" if given else ""
        return f"{what} by {people}{so_far}" + (f" on evidence {short(evidence.digest)}" if evidence else "")


def _row(row: ParityRow) -> JsonValue:
    """Return what was decided about one difference between source and target."""
    return {"aspect": row.aspect, "subject": row.subject, "state": row.state, "by": row.by, "reason": row.reason}


def _proof(proof: Proof | None) -> JsonValue:
    """Return what proves that the target serves; not when, nor in how many tries."""
    if proof is None or (proof.boot is None and not proof.probes):
        return None
    probes: dict[str, JsonValue] = {probe.name: probe.ok for probe in proof.probes}
    return {"boot": proof.boot.ok if proof.boot else None, "probes": probes}
