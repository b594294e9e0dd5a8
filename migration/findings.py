"""What the checks of a plan and of a virtual machine are asked, and what they answer."""

from typing import Literal

from pydantic import Field

from migration.adoption import Adoption
from migration.base import Value
from migration.fingerprint import Fingerprint
from migration.models import Finding, SourceVm, VmSpec, VmTask
from migration.parity.values import Side
from migration.placement import Place
from migration.plan import Plan
from migration.requests import Observations
from migration.severities import Moment
from migration.specs import vm_specs
from migration.vaults import account_id

OsType = Literal["Linux", "Windows"]
_LINES, _LINE_CHARACTERS = 20, 400
"""Temporal keeps 20,000 bytes of a workflow's details."""


class CheckVm(Value):
    """The input of `check_vm`.

    At `start` nothing of the virtual machine's own has been written; at `cutover` it is protected and about to fail
    over.
    """

    task: VmTask
    moment: Moment = "start"
    own_ids: list[str] = Field(
        default_factory=list, description="Ids of the ledger: what is ours collides with nothing."
    )
    recorded: SourceVm | None = Field(None, description="The source as the first check found it.")
    fingerprint: Fingerprint | None = Field(None, description="What the first check saw, to tell drift.")
    again: bool = Field(default=False, description="Whether the last check held the machine: nothing old counts then.")
    ahead: bool = Field(
        default=False,
        description="Whether to look, where nothing is in the way, at what the step after it will make as well.",
    )


class VmCheck(Value):
    """The answer of a check of one virtual machine. `source` is None when it cannot be read."""

    findings: list[Finding]
    source: SourceVm | None = None
    fingerprint: Fingerprint | None = Field(None, description="What was seen, to tell drift before the failover.")
    side: Side | None = Field(None, description="What the source has before anything is written; only of a start.")
    already_migrated: bool = Field(
        default=False, description="The source has a committed failover, or its move had ended."
    )
    size: str | None = Field(None, description="The size that it will have, as far as the check can tell.")
    adoption: Adoption = Field(default_factory=Adoption, description="What it is replicated by already.")
    ahead: Observations | None = Field(
        None, description="What was seen of what the step after it will make; None: nobody looked."
    )

    @property
    def blocking(self) -> list[Finding]:
        """What must be mended first."""
        return [finding for finding in self.findings if finding.blocks]


class CheckGuest(Value):
    """The input of `check_guest`: a virtual machine that is to be asked from inside."""

    vm: VmSpec
    os_type: OsType
    vault_id: str
    cache_account: str = Field(description="Name of the cache account, which it has to reach.")
    cache_is_there: bool = Field(default=False, description="Whether that account exists, so that its name resolves.")
    timeout_seconds: int = Field(300, description="How long the machine may take to answer.")
    luns: list[int] = Field(default_factory=list, description="Of the data disks that move.")
    max_age_seconds: int = Field(0, description="How old an answer may be that found nothing; 0: ask now.")


class VmFindings(Value):
    """What a check found about one virtual machine of a plan; only what did not pass."""

    name: str
    wave: str = ""
    findings: list[Finding] = Field(default_factory=list)
    already_migrated: bool = False
    size: str | None = Field(None, description="The size that it will have, as far as that is known.")
    size_reason: str = Field("", description="Why that one: the plan's, the same as at the source, or the closest.")
    network_ids: list[str] = Field(default_factory=list, description="The source's networks, to map in the vault.")
    guest: OsType | None = Field(None, description="The system of a machine that is to be asked from inside.")
    luns: list[int] = Field(default_factory=list, description="Of the data disks that move.")
    place: Place = Field(default_factory=Place, description="Which of the plan's vaults and cache accounts it goes by.")
    copied_gib: int | None = Field(None, description="The size of the disks that move, as far as it could be read.")
    adoption: Adoption = Field(default_factory=Adoption, description="What it is replicated by already.", exclude=True)
    adopted_item_id: str | None = Field(None, description="The item of somebody else that the plan takes over.")


class GuestsToAsk(Value):
    """The input of `AskGuests`: some machines of a large plan."""

    requests: list[CheckGuest]
    concurrency: int


class GuestsAsked(Value):
    """The result of `AskGuests`."""

    found: list[VmFindings]


class PlanCheck(Value):
    """The answer of `check_plan`: what did not pass, of what the virtual machines share and of each."""

    findings: list[Finding] = Field(default_factory=list)
    vms: list[VmFindings] = Field(default_factory=list)
    cache_is_there: bool = Field(default=False, description="Whether all cache accounts exist.")
    caches_there: list[str] = Field(default_factory=list, description="Names of those that do, where not all do.")
    omitted: int = Field(0, description="Findings left out to keep the answer small; blocking ones are kept first.")

    @property
    def blocking(self) -> list[Finding]:
        """What stops the plan."""
        everything = [*self.findings, *(finding for vm in self.vms for finding in vm.findings)]
        return [finding for finding in everything if finding.blocks]

    @property
    def places(self) -> dict[str, Place]:
        """Vault and cache account of those that move, by name."""
        return {vm.name: vm.place for vm in self.vms if not vm.already_migrated}

    def joined(self, more: list[VmFindings]) -> "PlanCheck":
        """Return the answer with what was found about some of its virtual machines besides."""
        found = {vm.name: vm.findings for vm in more}
        vms = [vm.model_copy(update={"findings": [*vm.findings, *found.get(vm.name, [])]}) for vm in self.vms]
        return self.model_copy(update={"vms": vms})


def guests_to_ask(plan: Plan, check: PlanCheck, max_age_seconds: int = 0) -> list[CheckGuest]:
    """Return the questions for the machines of a plan that are to be asked from inside."""
    specs = {spec.name: spec for spec in vm_specs(plan)}
    vault_ids = plan.vault_ids
    accounts = {vm.name: _cache_account(plan, vault_ids[vm.place.vault], vm.place) for vm in check.vms}
    return [
        CheckGuest(
            vm=specs[vm.name],
            os_type=vm.guest,
            vault_id=vault_ids[vm.place.vault],
            cache_account=accounts[vm.name],
            cache_is_there=check.cache_is_there or accounts[vm.name] in check.caches_there,
            timeout_seconds=plan.guest_probes.timeout,
            luns=vm.luns,
            max_age_seconds=max_age_seconds,
        )
        for vm in check.vms
        if vm.guest is not None
    ]


def _cache_account(plan: Plan, vault_id: str, place: Place) -> str:
    """Return the name of a machine's cache account."""
    named = plan.all_vaults[place.vault].cache_accounts
    return account_id(vault_id, named, plan.source.region, place.account).rsplit("/", 1)[-1]


class CheckStatus(Value):
    """The answer of `CheckPlan`'s query `status`."""

    plan: str
    phase: Literal["checking", "done"] = "checking"
    check: PlanCheck | None = None


class WaveSummary(Value):
    """How many virtual machines of a wave may move, and how many findings they have."""

    wave: str
    vms: int = 0
    ready: int = 0
    blocked: int = 0
    migrated: int = 0
    warnings: int = 0
    notes: int = 0
    waived: int = 0


def verdict(vm: VmFindings) -> str:
    """Return in one word whether a virtual machine may move: ready, blocked or migrated."""
    if vm.already_migrated:
        return "migrated"
    return "blocked" if any(finding.blocks for finding in vm.findings) else "ready"


def summary_by_wave(check: PlanCheck) -> list[WaveSummary]:
    """Return the summary of each wave, in their order."""
    waves: dict[str, list[VmFindings]] = {}
    for vm in check.vms:
        waves.setdefault(vm.wave, []).append(vm)
    return [_wave(name, vms) for name, vms in waves.items()]


def _wave(name: str, vms: list[VmFindings]) -> WaveSummary:
    verdicts = [verdict(vm) for vm in vms]
    findings = [finding for vm in vms if not vm.already_migrated for finding in vm.findings]
    open_ones = [finding for finding in findings if finding.waived is None]
    return WaveSummary(
        wave=name,
        vms=len(vms),
        ready=verdicts.count("ready"),
        blocked=verdicts.count("blocked"),
        migrated=verdicts.count("migrated"),
        warnings=sum(not finding.blocks and finding.severity != "note" for finding in open_ones),
        notes=sum(finding.severity == "note" for finding in open_ones),
        waived=len(findings) - len(open_ones),
    )


def markdown_lines(findings: list[Finding]) -> list[str]:
    """Return findings as lines of a Markdown list, the worst first, as many as a workflow's details hold."""
    worst = sorted(findings, key=lambda finding: (not finding.blocks, finding.severity == "note"))
    lines = [f"- {_in_words(finding)[:_LINE_CHARACTERS]}" for finding in worst[:_LINES]]
    return [*lines, f"- and {len(worst) - _LINES} more"] if len(worst) > _LINES else lines


def _in_words(finding: Finding) -> str:
    waived = f"; waived by {finding.waived.by}: {finding.waived.reason}" if finding.waived else ""
    return f"**{finding.severity}** ({finding.rule}) {finding.subject}: {finding.evidence}. {finding.remedy}{waived}"
