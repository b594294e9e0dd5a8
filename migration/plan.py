"""The plan: what a person wrote, checked field by field. `plan_file` says in which line a mistake stands.

The steps that it configures are those of Microsoft's tutorial
`Migrate Azure VMs to another region <https://learn.microsoft.com/azure/site-recovery/azure-to-azure-tutorial-migrate>`_.
"""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from migration import checks, ids, names, plan_groups, plan_verification
from migration.base import Authored
from migration.placement import Load, Site, spread
from migration.plan_approval import Approvers
from migration.plan_finalise import AfterCommit, Finalise
from migration.plan_fleet import After, Concurrency, Limits, Percent, Tolerated
from migration.plan_hash import hash_of
from migration.plan_hooks import PlanHooks, refuse_namesakes
from migration.plan_notifications import Notification
from migration.plan_parity import Parity, ParityTarget
from migration.plan_types import AzureName, Duration, Region, SafeName, Subscription
from migration.plan_vaults import (
    MOST_VAULTS,
    Vault,
    WhichVault,
    named_vaults,
    refuse_none_or_both,
    refuse_region,
    refuse_twins,
    vault_ids,
)
from migration.plan_verification import Verification, VmVerification
from migration.plan_windows import Cutover, refuse_useless
from migration.waves import dependencies, in_order, refuse_bad_order

Address = Annotated[str, AfterValidator(checks.ipv4_address)]
Network = Annotated[str, AfterValidator(checks.network)]
EncryptionSet = Annotated[str, AfterValidator(checks.encryption_set)]
Zone = Annotated[Literal["1", "2", "3"], BeforeValidator(checks.zone)]
DiskName = Annotated[str, AfterValidator(checks.disk_name)]
DiskType = Literal["Standard_LRS", "StandardSSD_LRS", "StandardSSD_ZRS", "Premium_LRS", "Premium_ZRS", "PremiumV2_LRS"]


Adopt = Annotated[
    bool,
    Field(description="Take over the replication that somebody else has set up in the plan's vault, if it fits."),
]


SourceSubscription = Annotated[
    Subscription, Field(description="Where it runs today, if not in the subscription of its wave or of the plan.")
]


class Source(Authored):
    """Where the virtual machines run today."""

    region: Region
    resource_group: AzureName = Field(description="Resource group of the virtual machines, unless one names its own.")


class Target(Authored):
    """Where the virtual machines go."""

    region: Region
    resource_group: AzureName = Field(description="Made if it does not exist.")
    network: Network = Field(
        description="Virtual network that exists: its name in the target resource group, or its id."
    )
    subnet: AzureName
    subscription: Subscription | None = Field(None, description="Another subscription of the same tenant.")


class Approval(Approvers):
    """Who lets a failed-over virtual machine be committed, and what happens when nobody does."""

    deadline: Duration = checks.DAY_SECONDS * 7
    at_deadline: Literal["keep_waiting", "roll_back", "commit"] = "keep_waiting"
    reminder: Duration = checks.DAY_SECONDS


class Failover(Authored):
    """How the cutover is made."""

    shut_down_source: bool = Field(default=True, description="Shut the source down first, so that no write is lost.")
    if_shutdown_fails: Literal["roll_back", "ask", "accept"] = "roll_back"
    test_first: bool = Field(default=False, description="Run a test failover before the real one, and clean it up.")
    test_network: Network | None = Field(None, description="Isolated virtual network of the test failover.")
    keep_target_writes: Duration | None = Field(
        None, description="When the move goes back, keep what was written on the target as snapshots for so long."
    )
    max_recovery_point_age: Duration = Field(900, description="Do not fail over while the RPO is above this.")

    @model_validator(mode="after")
    def _test_has_a_network(self) -> Self:
        if self.test_first and self.test_network is None:
            raise ValueError("test_first needs test_network: name an isolated virtual network in the target region")
        return self


class GuestProbes(Authored):
    """What is asked inside the machines before anything is written: fixed scripts that only look, by run command."""

    enabled: bool = Field(default=True, description="false: the network's rules are read instead.")
    concurrency: Annotated[int, Field(ge=1, le=100)] = Field(10, description="How many machines at once.")
    timeout: Duration = Field(300, description="How long one machine may take to answer.")


class VmTarget(ParityTarget):
    """What differs for one virtual machine; all the rest comes from the plan's target or from the source."""

    subscription: Subscription | None = None
    resource_group: AzureName | None = None
    name: Annotated[str, AfterValidator(checks.vm_name)] | None = None
    size: Annotated[str, AfterValidator(checks.vm_size)] | None = None
    zone: Zone | None = None
    network: Network | None = None
    subnet: AzureName | None = None
    test_network: Network | None = Field(
        None, description="Another isolated network than the plan's for its test: a name in its target group, or an id."
    )
    address: Address | None = Field(None, description="Static private IPv4 address of the first NIC.")
    disk_types: Annotated[dict[DiskName, DiskType], AfterValidator(checks.each_disk_once)] = Field(
        default_factory=dict, description="Disk name, or * for every disk that is not named, to its type."
    )
    disk_encryption_set: EncryptionSet | None = None
    excluded_disks: list[AzureName] = Field(default_factory=list, description="Data disks that are left behind.")


class Vm(Authored):
    """One virtual machine to move."""

    name: SafeName = Field(description="The plan's own name for it; unique in the plan without regard to case.")
    source_name: AzureName | None = Field(None, description="Its name in Azure, if that differs.")
    subscription: SourceSubscription | None = None
    resource_group: AzureName | None = None
    target: VmTarget = Field(default_factory=VmTarget)
    cutover: Cutover | None = Field(None, description="When this one may fail over.")
    hooks: PlanHooks | None = Field(None, description="Run for this one besides those of its wave and the plan.")
    verification: VmVerification = Field(default_factory=VmVerification)
    adopt: Adopt = False
    vault: WhichVault = None
    consistency_group: plan_groups.GroupName = None

    @property
    def azure_name(self) -> str:
        """The virtual machine's name in Azure."""
        return self.source_name or self.name


class Waiver(Authored):
    """A finding that a person answers for: it is told, and does not stop the move."""

    rule: Annotated[str, AfterValidator(checks.waivable_rule)] = Field(
        description="Id of a rule that may be waived; docs/preflight.md lists them."
    )
    vm: SafeName | None = Field(None, description="Only for this virtual machine of the plan.")
    by: Annotated[str, AfterValidator(checks.person)]
    reason: Annotated[str, AfterValidator(checks.sentence)]

    def concerns(self, vm: str) -> bool:
        """Tell whether it holds for a virtual machine."""
        return self.vm is None or checks.name_key(self.vm) == checks.name_key(vm)


class Wave(Authored):
    """Virtual machines that fail over together, once those of the waves before them are through."""

    name: SafeName
    after: After = None
    concurrency: Limits | None = Field(None, description="How many of this wave at once.")
    tolerated_failures_percent: Tolerated = None
    cutover: Cutover | None = Field(None, description="When those of this wave may fail over.")
    hooks: PlanHooks | None = Field(None, description="Run for each of this wave besides those of the plan.")
    subscription: SourceSubscription | None = None
    vault: WhichVault = None
    vms: Annotated[list[Vm], Field(min_length=1)]


class Plan(Authored):
    """A plan file."""

    version: Literal[1]
    name: SafeName
    subscription: Subscription
    source: Source
    target: Target
    vault: Vault | None = Field(None, description="The vault of all; or write vaults.")
    vaults: Annotated[list[Vault], Field(min_length=1, max_length=MOST_VAULTS)] | None = Field(
        None, description="Several vaults instead of one; the virtual machines are spread over them."
    )
    approval: Approval
    failover: Failover = Field(default_factory=Failover)
    concurrency: Concurrency = Field(default_factory=Concurrency)
    guest_probes: GuestProbes = Field(default_factory=GuestProbes)
    cutover: Cutover | None = Field(None, description="When failovers may begin: windows and freezes.")
    hooks: PlanHooks | None = Field(None, description="What runs for each machine before and after its cutover.")
    notifications: Annotated[list[Notification], Field(max_length=10)] = Field(
        default_factory=list, description="Who is told of what, by webhook or e-mail."
    )
    parity: Parity = Field(default_factory=Parity)
    verification: Verification = Field(default_factory=Verification)
    after_commit: AfterCommit = Field(default_factory=AfterCommit)
    finalise: Finalise = Field(default_factory=Finalise)
    on_failures: Literal["continue", "hold", "stop"] = Field(
        "continue", description="What a wave does when virtual machines of waves that it depends on were not moved."
    )
    tolerated_failures_percent: Percent = Field(
        0, description="How many percent of those may fail before on_failures holds or stops a wave; 0: none."
    )
    adopt: Adopt = False
    waves: Annotated[list[Wave], Field(min_length=1)]
    waivers: list[Waiver] = Field(default_factory=list, description="Findings that a person answers for.")

    @model_validator(mode="after")
    def _regions_differ(self) -> Self:
        checks.differing_regions(self.source.region, self.target.region)
        return self

    @model_validator(mode="after")
    def _vaults_are_told_apart(self) -> Self:
        refuse_none_or_both(self.vault, self.vaults)
        for index, vault in enumerate(self.all_vaults):
            path = ("vault",) if self.vaults is None else ("vaults", index)
            refuse_region(vault.region, self.source.region, self.target.region, path)
        refuse_twins(self.all_vaults, self.subscription)
        _ = self.named_vaults  # each has to be one of the plan's
        return self

    @model_validator(mode="after")
    def _finalisers_can_be_told(self) -> Self:
        self.finalise.refuse_groups_of_names(self.approval.identity)
        self.finalise.refuse_too_few(self.approval.approvers)
        return self

    @model_validator(mode="after")
    def _each_vm_once(self) -> Self:
        checks.not_too_many([vm.name for vm in self.vms])
        checks.unique("wave", [wave.name for wave in self.waves])
        refuse_bad_order(self._order)
        checks.unique("virtual machine", [vm.name for vm in self.vms])
        checks.unique("source virtual machine", [self.source_id(vm) for vm in self.vms])
        checks.unique("target virtual machine", [self._target_vm_id(vm) for vm in self.vms])
        return self

    @model_validator(mode="after")
    def _waivers_meet_something(self) -> Self:
        checks.waivers([(waiver.rule, waiver.vm) for waiver in self.waivers], [vm.name for vm in self.vms])
        return self

    @model_validator(mode="after")
    def _each_cutover_opens(self) -> Self:
        whole = (self.cutover, ("cutover",))
        refuse_useless([whole])
        for w, wave in enumerate(self.waves):
            refuse_useless([whole, (wave.cutover, ("waves", w, "cutover"))])
            for v, vm in enumerate(wave.vms):
                path = ("waves", w, "vms", v, "cutover")
                refuse_useless([whole, (wave.cutover, ()), (vm.cutover, path)])
        return self

    @model_validator(mode="after")
    def _each_hook_has_a_name(self) -> Self:
        whole = (self.hooks, ("hooks",))
        refuse_namesakes([whole])
        for w, wave in enumerate(self.waves):
            refuse_namesakes([whole, (wave.hooks, ("waves", w, "hooks"))])
            for v, vm in enumerate(wave.vms):
                refuse_namesakes([whole, (wave.hooks, ()), (vm.hooks, ("waves", w, "vms", v, "hooks"))])
        return self

    @model_validator(mode="after")
    def _groups_move_together(self) -> Self:
        reprotects = self.after_commit.wanted is not None
        plan_groups.refuse_unfit(self.groups, test_first=self.failover.test_first, reprotects=reprotects)
        return self

    @model_validator(mode="after")
    def _probes_are_known(self) -> Self:
        plan_verification.checked(self.verification, self._own_verifications)
        return self

    @property
    def vms(self) -> list[Vm]:
        """All virtual machines, wave by wave."""
        return [vm for wave in self.waves for vm in wave.vms]

    @property
    def wave_dependencies(self) -> list[tuple[int, ...]]:
        """What each wave comes right after, by their places in `waves`."""
        return dependencies(self._order)

    @property
    def waves_in_order(self) -> list[Wave]:
        """The waves as they fail over: each after those that it depends on, else as they are written."""
        return [self.waves[place] for place in in_order(self.wave_dependencies)]

    @property
    def content_hash(self) -> str:
        """A hash of what the plan says, whatever its layout and comments; keys that came later count once said.

        So a build that knows more keys still takes the file of a plan that runs for the same one.
        """
        return hash_of(self.model_dump(mode="json"))

    @property
    def all_vaults(self) -> list[Vault]:
        """The vaults, be they one or several."""
        return self.vaults or [vault for vault in (self.vault,) if vault is not None]

    @cached_property
    def vault_ids(self) -> list[str]:
        """The ids of the vaults."""
        return vault_ids(self.all_vaults, self.subscription)

    @cached_property
    def named_vaults(self) -> dict[str, int]:
        """Which vault virtual machines have to go by, where they, or their waves, say so: by name."""
        waves = [(wave.vault, [(vm.name, vm.vault) for vm in wave.vms]) for wave in self.waves]
        return named_vaults(waves, self.all_vaults, self.subscription)

    @cached_property
    def first_vaults(self) -> dict[str, int]:
        """Which vault each virtual machine goes by, as far as the plan alone tells: by name.

        A check may place one elsewhere: where it is protected already, or where cache accounts have room.
        """
        groups = {
            name: names.consistency_group_name(self.name, members[0].group).lower()
            for name, members in self.groups.items()
        }
        loads = [
            Load(
                vm.name,
                ids.id_key(self.source_id(vm)),
                vault=self.named_vaults.get(vm.name),
                group=groups.get(vm.name, ""),
            )
            for vm in self.vms
        ]
        return spread(loads, [Site(vault_id) for vault_id in self.vault_ids])

    @cached_property
    def source_subscriptions(self) -> dict[str, str]:
        """The subscription in which each virtual machine runs today, by name."""
        return {
            vm.name: vm.subscription or wave.subscription or self.subscription for wave in self.waves for vm in wave.vms
        }

    def source_subscription(self, vm: Vm) -> str:
        """Return the subscription in which a virtual machine of this plan runs today."""
        return self.source_subscriptions[vm.name]

    def vault_id_of(self, vm: Vm) -> str:
        """Return the vault that a virtual machine of this plan goes by, as far as the plan alone tells."""
        return self.vault_ids[self.first_vaults[vm.name]]

    @cached_property
    def groups(self) -> dict[str, list[plan_groups.Member]]:
        """The members of the consistency group of each virtual machine that is in one, by its name."""
        members = [
            plan_groups.Member(
                group=vm.consistency_group,
                name=vm.name,
                wave=wave.name,
                source_id=self.source_id(vm),
                vault=self.named_vaults.get(vm.name),
                cutover=vm.cutover,
                place=(*path, v),
            )
            for path, wave in ((("waves", w, "vms"), wave) for w, wave in enumerate(self.waves))
            for v, vm in enumerate(wave.vms)
            if vm.consistency_group is not None
        ]
        return {member.name: group for group in plan_groups.by_group(members) for member in group}

    def source_id(self, vm: Vm) -> str:
        """Return the Azure id of a virtual machine of this plan."""
        group = vm.resource_group or self.source.resource_group
        return ids.vm_id(self.source_subscription(vm), group, vm.azure_name)

    def target_subscription(self, vm: Vm) -> str:
        """Return the subscription into which a virtual machine of this plan moves."""
        return vm.target.subscription or self.target.subscription or self.subscription

    @property
    def _order(self) -> list[tuple[str, list[str] | None]]:
        return [(wave.name, wave.after) for wave in self.waves]

    @property
    def _own_verifications(self) -> list[tuple[tuple[str | int, ...], VmVerification]]:
        rows = [(("waves", w, "vms", v), vm) for w, wave in enumerate(self.waves) for v, vm in enumerate(wave.vms)]
        return [(path, vm.verification) for path, vm in rows]

    def _target_vm_id(self, vm: Vm) -> str:
        subscription = self.target_subscription(vm)
        group = vm.target.resource_group or self.target.resource_group
        return ids.vm_id(subscription, group, vm.target.name or vm.azure_name)
