"""What is known of a plan and its virtual machines at one moment, wherever it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from migration.approvals import ApprovalState
from migration.eta.values import Estimate, Outlook
from migration.models import Finding, Progress
from migration.parity.values import ParityCounts
from migration.phases import Outcome, Phase, common_outcome
from migration.steering import HeldGate, LimitsNow, Pause


@dataclass(frozen=True)
class VmView:
    """A virtual machine of a plan."""

    name: str
    wave: str = ""
    id: str = ""
    workflow_id: str = ""
    phase: Phase = Phase.CHECKING
    waiting_for: str = ""
    needs_action: bool = False
    outcome: Outcome | None = None
    progress_percent: int | None = None
    rpo_seconds: int | None = None
    last_refusal: str | None = None
    reason: str = ""
    choices: tuple[str, ...] = ()
    alarm: str = ""
    writes_since: str | None = None
    """Since when the target takes writes that going back would discard or keep, by Azure."""
    findings: tuple[Finding, ...] = ()
    parity: ParityCounts | None = None
    approval: ApprovalState | None = None
    started: datetime | None = None
    ended: datetime | None = None
    has_run: bool = False
    """Whether a workflow of its own belongs to this run of the plan."""
    is_running: bool = False
    is_answered: bool = True
    """Whether nothing that only its running workflow knows, as alarms, reasons and writes, may be missing here."""
    lost: str = ""
    """How its workflow ended without an outcome: `terminated`. Nothing was undone, and nobody can decide any more."""
    outlook: Outlook | None = None
    progress: Progress | None = None
    """What the wait that runs told last."""
    copied_gib: int | None = None
    held: str = ""
    """Why it begins nothing before a person says so, by its plan."""
    eta: Estimate | None = None

    @property
    def has_settled(self) -> bool:
        """Whether nothing more happens by itself: it ended, or only an operator moves it."""
        return self.phase is Phase.NEEDS_ACTION or (self.outcome is not None and not self.is_running)

    def is_named(self, name: str) -> bool:
        """Whether *name* means it, without regard to case."""
        return self.name.casefold() == name.casefold()

    def is_in_wave(self, wave: str) -> bool:
        """Whether it is in the wave that *wave* means, without regard to case."""
        return self.wave.casefold() == wave.casefold()

    def elapsed_seconds(self, now: datetime) -> float | None:
        """Return how long its workflow has run, by Temporal's clock and ours."""
        return ((self.ended or now) - self.started).total_seconds() if self.started else None

    def as_json(self) -> dict[str, Any]:
        """Return the object that `status --json` lists."""
        told = {
            "name": self.name,
            "wave": self.wave,
            "phase": self.phase.value,
            "waiting_for": self.waiting_for,
            "needs_action": self.needs_action,
            "outcome": self.outcome.value if self.outcome else None,
            "progress_percent": self.progress_percent,
            "last_refusal": self.last_refusal,
            **self._exceptions(),
        }
        state = self.approval
        if state is None or state.identity != "entra":
            return told
        return told | {"approval": state.model_dump(mode="json", exclude={"bundle", "desk"})}

    def _exceptions(self) -> dict[str, Any]:
        """Return what not every machine has: two copies, writes that going back would cost, open rows, an end ahead."""
        parity = self.parity.model_dump(mode="json") if self.parity and self.parity.open else None
        eta = self.eta.as_json() if self.eta else None
        given = {
            "held": self.held,
            "alarm": self.alarm,
            "target_writes_since": self.writes_since,
            "parity": parity,
            "eta": eta,
        }
        told = {name: value for name, value in given.items() if value}
        return told if self.is_answered else told | {"answered": False}


@dataclass(frozen=True)
class PlanView:
    """A plan and its virtual machines, wave by wave."""

    plan: str
    vms: tuple[VmView, ...]
    outcome: Outcome | None = None
    phase: str = ""
    waiting_for: str = ""
    needs_action: bool = False
    reason: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    is_running: bool = False
    is_answered: bool = True
    """Whether a worker answered; else this is what Temporal itself last recorded."""
    is_large: bool = False
    """Whether only those that need a person were asked; of the rest this is what Temporal recorded."""
    read: datetime = field(default_factory=lambda: datetime.now(UTC))
    eta: Estimate | None = None
    waves: Mapping[str, Estimate] = field(default_factory=dict)
    """The estimates of the waves that have not ended."""
    pauses: tuple[Pause, ...] = ()
    held_gates: tuple[HeldGate, ...] = ()
    limits: tuple[LimitsNow, ...] = ()
    """What people, and failures, have changed of the plan since it began."""

    @property
    def has_settled(self) -> bool:
        """Whether a watcher has seen all that happens without a person's `resolve`.

        Virtual machines go on without a plan that was terminated; a plan without any waits for nobody.
        """
        if any(vm.is_running and not vm.has_settled for vm in self.vms):
            return False
        return not self.is_running or self._is_left_to_operators

    @property
    def _is_left_to_operators(self) -> bool:
        return all(vm.has_settled for vm in self.vms) and any(vm.phase is Phase.NEEDS_ACTION for vm in self.vms)

    @property
    def unanswered(self) -> tuple[VmView, ...]:
        """The virtual machines that were asked and gave no answer, though a worker answers for their plan."""
        return tuple(vm for vm in self.vms if not vm.is_answered) if self.is_answered and not self.is_large else ()

    @property
    def is_migrated(self) -> bool:
        """Whether every virtual machine was moved."""
        return self.outcome is Outcome.MIGRATED

    def as_json(self) -> dict[str, Any]:
        """Return the answer of `status --json`; where only people are waited for, there is no end to tell."""
        told: dict[str, Any] = {
            "plan": self.plan,
            "outcome": self.outcome.value if self.outcome else None,
            "vms": [vm.as_json() for vm in self.vms],
        }
        if not self.is_answered:
            told["answered"] = False
        for key, values in (("pauses", self.pauses), ("held_gates", self.held_gates), ("limits", self.limits)):
            if values:
                told[key] = [value.model_dump(mode="json") for value in values]
        if self.eta is not None and not self.eta.waits_only:
            told["eta"] = self.eta.as_json()
            told["waves"] = [{"name": name, "eta": eta.as_json()} for name, eta in self.waves.items()]
        return told


def outcome_of(vms: tuple[VmView, ...]) -> Outcome | None:
    """Return the outcome of a plan whose own workflow left none: its virtual machines' common one, once all have it."""
    outcomes = [vm.outcome for vm in vms if vm.outcome is not None and not vm.is_running]
    return common_outcome(outcomes) if outcomes and len(outcomes) == len(vms) else None
