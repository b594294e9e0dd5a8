"""What a plan's virtual machines share: made once before them, and removed after them if nobody uses it any more."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.earlier import EarlierActivities
    from activities.ledger import LedgerActivities
    from activities.ledger_proofs import ProofActivities
    from activities.plans import OtherPlans, PlanActivities
    from activities.shared_finding import SharedFindingActivities
    from activities.vault import VaultActivities
    from activities.waits import WaitActivities
    from migration import ids, ledger, names
    from migration.earlier import EarlierAnswer, EarlierRuns
    from migration.ledger import LedgerEntry
    from migration.ledger_proof import LedgerProof, ListPlan, PlanListing, ProvePlan, proof
    from migration.models import SharedResources, Started, VmSpec
    from migration.placement import Place
    from migration.plan import Plan
    from migration.plan_state import PreparedState, SharedBy
    from migration.plan_vaults import MOST_ACCOUNTS
    from migration.requests import ObserveResources
    from migration.sharing import (
        NETWORK_MAPPINGS,
        REMOVAL_ORDER,
        CacheAccountWanted,
        ContainerMappingWanted,
        ContainerWanted,
        FabricWanted,
        FindShared,
        NetworkMappingWanted,
        NetworkPair,
        PolicyWanted,
        RemoveShared,
        ResourceGroupWanted,
        VaultToFind,
        VaultUse,
        VaultWanted,
    )
    from migration.specs import vm_specs
    from migration.steering import places_of, ranges
    from migration.vaults import PlannedVault, account_id, planned_vaults
    from migration.waiting import ResourcesWait
from workflows.engine import Engine, reason_of

P = TypeVar("P")


class Preparation:
    """The shared part of a plan, and its ledger."""

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self._plan = plan
        self._vaults = planned_vaults(plan)
        self._engine = engine
        self.specs = vm_specs(plan)
        self.entries: list[LedgerEntry] = []
        self.proof: LedgerProof | None = None
        self._earlier: EarlierAnswer | None = None
        self._before: PlanListing | None = None
        self._serving: dict[str, str] = {}
        """What serves already, by the key of the id under which it would be made."""
        self.shared: dict[str, SharedResources] = {}
        """What each virtual machine shares with others, by its name, once it is made."""

    def state(self) -> PreparedState:
        """Return what was made, for a run that goes on for this one."""
        places = {vm.name: place for place, vm in enumerate(self._plan.vms)}
        alike: dict[SharedResources, list[int]] = {}
        for name, shared in self.shared.items():
            alike.setdefault(shared, []).append(places[name])
        return PreparedState(
            shared=[SharedBy(vms=ranges(sorted(vms)), resources=shared) for shared, vms in alike.items()],
            entries=self.entries,
            earlier=self._earlier,
            before=self._before,
        )

    def go_on(self, state: PreparedState) -> None:
        """Go on with what an earlier run made."""
        vms = self._plan.vms
        self.shared = {vms[place].name: one.resources for one in state.shared for place in places_of(one.vms)}
        self.entries, self._earlier, self._before = list(state.entries), state.earlier, state.before

    async def ensure_all(self, networks: dict[str, list[str]], places: dict[str, Place]) -> None:
        """Make what is missing: then `shared` tells what each virtual machine shares with others.

        *networks* tells the source networks of each, *places* vault and cache account of those that move.
        """
        if len(self._vaults) == 1:
            places = {spec.name: Place() for spec in self.specs} | places
        self._before = await self._engine.call(ProofActivities.list_plan, self._listed, "List what is there before")
        placed = [spec for spec in self.specs if spec.name in places]
        shares = [[spec for spec in placed if places[spec.name].vault == n] for n, _ in enumerate(self._vaults)]
        used = [(vault, mine) for vault, mine in zip(self._vaults, shares, strict=True) if mine]
        if workflow.patched("what-is-shared-is-found-at-once"):
            await self._find(self.specs, used, networks, places)
        await self._ensure_groups(self.specs, [vault for vault, _ in used])
        shared: dict[str, SharedResources] = {}
        for vault, mine in used:
            shared |= await self._ensure_vault(vault, mine, networks, places)
        self.shared = shared

    async def _ensure_vault(
        self, vault: PlannedVault, specs: list[VmSpec], networks: dict[str, list[str]], places: dict[str, Place]
    ) -> dict[str, SharedResources]:
        """Make a vault and what is missing in it, and the cache accounts; return what each machine shares."""
        plan, source_region, target_region = self._plan, self._plan.source.region, self._plan.target.region
        wanted = VaultWanted(vault_id=vault.id, region=vault.region or "", plan=plan.name)
        await self._ensure(VaultActivities.ensure_vault, wanted, vault.id)
        source_fabric = await self._fabric(vault.id, source_region)
        target_fabric = await self._fabric(vault.id, target_region)
        policy = await self._ensure(
            VaultActivities.ensure_policy,
            PolicyWanted(vault_id=vault.id),
            f"{vault.id}/replicationPolicies/{names.POLICY_NAME}",
        )
        source = await self._container(source_fabric, source_region)
        target = await self._container(target_fabric, target_region)
        there = names.container_mapping_name(source_region, target_region)
        await self._container_mapping(source, target, policy, there)
        back = names.container_mapping_name(target_region, source_region)
        await self._container_mapping(target, source, policy, back)
        await self._network_mappings(source_fabric, target_fabric, _network_pairs(specs, networks))
        everywhere = SharedResources(
            vault_id=vault.id,
            policy_id=policy,
            source_fabric_id=source_fabric,
            target_fabric_id=target_fabric,
            source_container_id=source,
            target_container_id=target,
            cache_account_id="",
        )
        accounts: dict[int, SharedResources] = {}
        for number, (going, returning) in self._accounts(vault, {places[spec.name].account for spec in specs}).items():
            found = {"cache_account_id": await self._cache_account(going, source_region)}
            if returning is not None:
                found["return_cache_account_id"] = await self._cache_account(returning, target_region)
            accounts[number] = everywhere.model_copy(update=found)
        return {spec.name: accounts[places[spec.name].account] for spec in specs}

    def _accounts(self, vault: PlannedVault, numbers: set[int]) -> dict[int, tuple[str, str | None]]:
        """Return cache accounts of a vault by number: for the way there, and for the way back where it is wanted."""
        there, back = self._plan.source.region, self._plan.target.region
        returns = self._plan.after_commit.wanted
        return {
            number: (vault.account(there, number), account_id(vault.id, (), back, number) if returns else None)
            for number in sorted(numbers)
        }

    async def _find(
        self,
        specs: list[VmSpec],
        shares: list[tuple[PlannedVault, list[VmSpec]]],
        networks: dict[str, list[str]],
        places: dict[str, Place],
    ) -> None:
        """Read together what is there already: only what is missing is then read, and made, one by one."""
        source_region, target_region = self._plan.source.region, self._plan.target.region
        vaults = []
        for vault, mine in shares:
            accounts = self._accounts(vault, {places[spec.name].account for spec in mine}).values()
            pairs = [NetworkPair(source_id=one, target_id=other) for one, other in _network_pairs(mine, networks)]
            found = VaultToFind(
                vault_id=vault.id,
                source_region=source_region,
                target_region=target_region,
                networks=pairs,
                account_ids=[one for pair in accounts for one in pair if one is not None],
            )
            vaults.append(found)
        request = FindShared(group_ids=list(self._groups(specs, [vault for vault, _ in shares])), vaults=vaults)
        answer = await self._engine.call(SharedFindingActivities.find_shared, request, "Find what is there already")
        self._serving = {ids.id_key(one.wanted): one.by for one in answer.serving}
        existing = [_entry(one.by, "existed") for one in answer.serving if ids.same_id(one.wanted, one.by)]
        owned = await self._owned(existing)
        self.entries = ledger.merge(self.entries, owned)

    async def tidy_up(self) -> None:
        """Remove what this plan made and nobody uses any more; what stays says why. Then prove the ledger."""
        await self._look("See what the plan made")
        if any(entry.state == "created" for entry in self.entries):
            await self._remove_unused()
        await self._prove()

    async def _remove_unused(self) -> None:
        for vault in self._vaults:
            serving = [entry for entry in self.entries if self._serves(vault, entry)]
            if (serving or len(self._vaults) == 1) and (why := await self._in_use(vault.id)):
                self._leave(partial(self._serves, vault), why)
        for kind in REMOVAL_ORDER:
            for entry in self.entries:
                if entry.state == "created" and entry.type.lower().endswith(kind.lower()):
                    await self._remove(entry)
        await self._look("See what is left of it")

    async def _prove(self) -> None:
        """Hold what is listed against all ledgers; what the ledger has and is not there is corrected."""
        if self._before is None:
            self.proof = proof([], [])
            return
        there = [entry for entry in self.entries if entry.state in {"created", "left"}]
        missing: list[str] = []
        if there:
            self.entries = ledger.observe(self.entries, await self._read(there, "See what stays"))
            gone = {entry.id.lower() for entry in self.entries if entry.state == "deleted"}
            missing = [entry.id for entry in there if entry.id.lower() in gone]
        request = ProvePlan(
            what=self._listed,
            before=self._before,
            entries=self.entries,
            workflow_ids=[names.migrate_vm_id(self._plan.name, vm.name) for vm in self._plan.vms],
        )
        found = await self._engine.call(ProofActivities.prove_plan, request, "Prove the ledger by listing")
        self.proof = proof(found.unlisted, missing, found.why)

    @property
    def _listed(self) -> ListPlan:
        plan = self._plan
        groups = [ids.resource_group_id(*vault.group) for vault in self._vaults]
        groups += [spec.target_resource_group_id for spec in self.specs]
        distinct = {one.lower(): one for one in groups}
        first, *further = plan.vault_ids
        return ListPlan(plan=plan.name, group_ids=list(distinct.values()), vault_id=first, further_vault_ids=further)

    def _groups(self, specs: list[VmSpec], vaults: list[PlannedVault]) -> dict[str, str]:
        """Return the resource groups of vaults and targets with their regions, each once."""
        groups: dict[str, str] = {}
        for vault in vaults:
            groups.setdefault(ids.resource_group_id(*vault.group), vault.region or "")
        for spec in specs:
            groups.setdefault(spec.target_resource_group_id, spec.target_region)
        return dict({key.lower(): (key, region) for key, region in groups.items()}.values())

    async def _ensure_groups(self, specs: list[VmSpec], vaults: list[PlannedVault]) -> None:
        for group_id, region in self._groups(specs, vaults).items():
            group = ids.ResourceId.parse(group_id)
            wanted = ResourceGroupWanted(
                subscription=group.subscription, name=group.name, region=region, plan=self._plan.name
            )
            await self._ensure(VaultActivities.ensure_resource_group, wanted, group_id)

    async def _fabric(self, vault: str, region: str) -> str:
        predicted = ids.fabric_id(vault, names.fabric_name(region))
        return await self._ensure(VaultActivities.ensure_fabric, FabricWanted(vault_id=vault, region=region), predicted)

    async def _container(self, fabric: str, region: str) -> str:
        predicted = ids.container_id(fabric, names.container_name(region))
        return await self._ensure(
            VaultActivities.ensure_container, ContainerWanted(fabric_id=fabric, region=region), predicted
        )

    async def _container_mapping(self, source: str, target: str, policy: str, name: str) -> None:
        wanted = ContainerMappingWanted(
            source_container_id=source, target_container_id=target, policy_id=policy, name=name
        )
        predicted = f"{source}/replicationProtectionContainerMappings/{name}"
        await self._ensure(VaultActivities.ensure_container_mapping, wanted, predicted)

    async def _network_mappings(self, source_fabric: str, target_fabric: str, pairs: list[tuple[str, str]]) -> None:
        """Map networks both ways. One is mapped to one other only: a machine that goes elsewhere names its own."""
        mapped: set[str] = set()
        for one, other in pairs:
            if one.lower() not in mapped:
                await self._network_mapping(source_fabric, target_fabric, one, other)
            if other.lower() not in mapped:
                await self._network_mapping(target_fabric, source_fabric, other, one)
            mapped |= {one.lower(), other.lower()}

    async def _network_mapping(self, source_fabric: str, target_fabric: str, one: str, other: str) -> None:
        wanted = NetworkMappingWanted(
            source_fabric_id=source_fabric,
            target_fabric_id=target_fabric,
            source_network_id=one,
            target_network_id=other,
        )
        predicted = f"{source_fabric}/{NETWORK_MAPPINGS}/{names.network_mapping_name(one, other)}"
        await self._ensure(VaultActivities.ensure_network_mapping, wanted, predicted)

    async def _cache_account(self, account: str, region: str) -> str:
        wanted = CacheAccountWanted(account_id=account, region=region, plan=self._plan.name)
        return await self._ensure(VaultActivities.ensure_cache_account, wanted, account)

    async def _ensure(self, method: Callable[[Any, P], Awaitable[Started]], wanted: P, predicted: str) -> str:
        """Read, make if missing, wait, and enter what was made; return the id of what serves."""
        if serving := self._serving.get(ids.id_key(predicted)):
            return serving
        thing = ids.ResourceId.parse(predicted)
        entry = _entry(predicted, "predicted")
        seen = [] if self._in_our_vault(predicted) else await self._read([entry], f"Read {thing}")
        self.entries = ledger.merge(self.entries, await self._owned(ledger.predict(seen, [entry])))
        started = await self._engine.call(method, wanted, f"Ensure {thing}")
        await self._engine.wait_for_job(started.job, f"Until {thing} is made")
        if started.job is None and not started.existed:
            await self._until(started.resource_id, "provisioned", f"Until {thing} is there")
        if ids.same_id(started.resource_id, predicted):
            self.entries = ledger.observe(self.entries, [ledger.Observation(id=predicted, exists=True)])
        return started.resource_id

    async def _owned(self, entries: list[LedgerEntry]) -> list[LedgerEntry]:
        """Return *entries*, those ours that an earlier run of the plan made, though they exist now.

        Earlier runs are asked once, and only where something is there already.
        """
        if all(entry.state != "existed" for entry in entries):
            return entries
        if self._earlier is None:
            request = EarlierRuns(workflow_id=names.migrate_plan_id(self._plan.name))
            self._earlier = await self._engine.call(
                EarlierActivities.read_earlier_runs, request, "Read what earlier runs made"
            )
        made = {entry.id.lower() for entry in self._earlier.entries if entry.ours or entry.state == "left"}
        return [
            entry.model_copy(update={"state": "created"}) if entry.id.lower() in made else entry for entry in entries
        ]

    def _in_our_vault(self, predicted: str) -> bool:
        """Tell whether it lies in a vault that this plan has just made: then it was not there before."""
        vault = next((one.id for one in self._vaults if predicted.lower().startswith(f"{one.id}/".lower())), None)
        return any(ids.same_id(e.id, vault) and e.state == "created" for e in self.entries)

    def _serves(self, vault: PlannedVault, entry: LedgerEntry) -> bool:
        """Tell whether something is a vault, lies in it, or is a cache account of it."""
        key = ids.id_key(entry.id)
        if "vaults" in entry.type.lower():
            return f"{key}/".startswith(f"{ids.id_key(vault.id)}/")
        if "storage" not in entry.type.lower():
            return False
        regions = (self._plan.source.region, self._plan.target.region)
        made = (account_id(vault.id, (), region, number) for region in regions for number in range(MOST_ACCOUNTS))
        return len(self._vaults) == 1 or any(ids.same_id(one, entry.id) for one in (*vault.account_ids, *made))

    async def _in_use(self, vault: str) -> str:
        """Return why a vault and what is in it must stay, "" when nobody else uses it."""
        use = await self._engine.call(
            VaultActivities.read_vault_use, VaultUse(vault_id=vault), "See who uses the vault"
        )
        if use.item_ids:
            return f"in use: the vault protects {len(use.item_ids)} virtual machines"
        others = await self._engine.call(
            PlanActivities.other_plans_using, OtherPlans(vault_id=vault, plan=self._plan.name), "See which plans use it"
        )
        return f"in use by the plans {', '.join(others.plans)}" if others.plans else ""

    def _leave(self, which: Callable[[LedgerEntry], bool], why: str) -> None:
        self.entries = [
            entry.model_copy(update={"state": "left", "why": why})
            if entry.state == "created" and which(entry)
            else entry
            for entry in self.entries
        ]

    async def _remove(self, entry: LedgerEntry) -> None:
        thing = ids.ResourceId.parse(entry.id)
        try:
            started = await self._engine.call(
                VaultActivities.remove_shared, RemoveShared(id=entry.id, type=entry.type), f"Remove {thing}"
            )
            await self._engine.wait_for_job(started.job, f"Until {thing} is removed")
            if started.job is None:
                await self._until(entry.id, "gone", f"Until {thing} is gone")
        except FailureError as error:
            why = reason_of(error)
            self._leave(lambda other: other.id == entry.id, why)

    async def _until(self, resource_id: str, until: Any, summary: str) -> None:
        await self._engine.wait(
            WaitActivities.wait_for_resources,
            lambda give_back: ResourcesWait(ids=[resource_id], until=until, give_back_after_seconds=give_back),
            summary,
        )

    async def _look(self, summary: str) -> None:
        mine = [entry for entry in self.entries if entry.state not in {"existed", "left"}]
        if mine:
            self.entries = ledger.observe(self.entries, await self._read(mine, summary))

    async def _read(self, entries: list[LedgerEntry], summary: str) -> list[ledger.Observation]:
        request = ObserveResources(ids=[entry.id for entry in entries])
        return (await self._engine.call(LedgerActivities.observe_resources, request, summary)).seen


def _entry(resource_id: str, state: ledger.State) -> LedgerEntry:
    thing = ids.ResourceId.parse(resource_id)
    return LedgerEntry(id=resource_id, type=thing.type, created_by="plan", state=state, why="shared")


def _network_pairs(specs: list[VmSpec], networks: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return each source network with the target network that its virtual machines go to, once."""
    pairs = {
        (network.lower(), spec.network_id.lower()): (network, spec.network_id)
        for spec in specs
        for network in networks.get(spec.name, [])
    }
    return list(pairs.values())
