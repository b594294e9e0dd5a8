"""A plan: what it prepares, moves, refuses, tidies up and tells."""

import uuid

import pytest
from temporalio.client import WorkflowFailureError

from migration import ids, names
from migration.phases import Outcome, Phase
from migration.placement import Place
from migration.power import RUNNING
from migration.report import MemoKeys, PlanEnding, plan_evidence
from migration.vaults import account_id
from tests.workflows.scenes import APPROVER, SOURCE_REGION, TARGET_REGION, finding, make_plan, plan_check
from tests.workflows.script import Script, environment_failure, vm_failure
from tests.workflows.stage import Stage
from tests.workflows.world import World

TWO_WAVES = {"database": ["db-01"], "web": ["app-01", "web-01"]}
PREPARATION = [
    "check_plan",
    "ensure_resource_group",
    "ensure_resource_group",
    "ensure_vault",
    "ensure_fabric",
    "ensure_fabric",
    "ensure_policy",
    "ensure_container",
    "ensure_container",
    "ensure_container_mapping",
    "ensure_container_mapping",
    "ensure_network_mapping",
    "ensure_network_mapping",
    "ensure_cache_account",
]
REMOVAL = [
    "replicationNetworkMappings",
    "replicationNetworkMappings",
    "replicationProtectionContainerMappings",
    "replicationProtectionContainerMappings",
    "replicationProtectionContainers",
    "replicationProtectionContainers",
    "replicationPolicies",
    "replicationFabrics",
    "replicationFabrics",
    "storageAccounts",
    "vaults",
]


async def test_a_plan_prepares_once_moves_all_and_tidies_up(stage: Stage, script: Script) -> None:
    """What the machines share is made in order before them, and what nobody uses is removed after them."""
    plan = make_plan(TWO_WAVES)
    handle = await stage.start_plan(plan)
    for vm in plan.vms:
        await stage.approve(stage.vm_of(plan, vm.name))
    assert PlanEnding(outcome=Outcome.MIGRATED, counts={"migrated": 3}) == await handle.result()
    made = [label for label in script.labels() if label.startswith(("ensure_", "check_plan"))]
    assert PREPARATION == made
    removed = [request.type.rsplit("/", 1)[-1] for request in script.requests("remove_shared")]
    assert REMOVAL == removed[: len(REMOVAL)]
    report = await stage.plan_report(handle)
    left = [one.id for one in report.resources if one.state != "deleted"]
    assert [] == left
    assert [(vm.name, Outcome.MIGRATED) for vm in plan.vms] == [(vm.name, vm.outcome) for vm in report.vms]
    assert report.started
    assert report.ended
    runs = {vm.name: (await stage.vm_of(plan, vm.name).describe()).run_id for vm in plan.vms}
    assert plan_evidence(report, runs) == (await (await handle.describe()).memo())[MemoKeys.EVIDENCE]


async def test_a_plan_that_is_refused_writes_nothing(stage: Stage, script: Script) -> None:
    """One blocked machine stops the whole plan before the first write; every machine counts as refused."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", plan_check(plan, blocked=("web-01",)))
    handle = await stage.start_plan(plan)
    ending = await handle.result()
    assert (Outcome.REFUSED, {"refused": 3}) == (ending.outcome, ending.counts)
    assert ["check_plan"] == script.labels()
    told = {vm.name: vm for vm in (await stage.plan_report(handle)).vms}
    assert "its check found what blocks" == told["web-01"].reason
    assert "the plan's check found what blocks others" == told["db-01"].reason
    assert ["source-runs"] == [found.rule for found in told["web-01"].findings]


async def test_a_finding_about_the_shared_part_refuses_too(stage: Stage, script: Script) -> None:
    """A quota or a permission that all need is nobody's own finding, and blocks all."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", plan_check(plan).model_copy(update={"findings": [finding(severity="unknown")]}))
    assert Outcome.REFUSED == (await (await stage.start_plan(plan)).result()).outcome
    assert ["check_plan"] == script.labels()


async def test_what_an_earlier_run_moved_is_counted_and_left_alone(stage: Stage, script: Script) -> None:
    """Machines that are already migrated never start, and count as migrated."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", plan_check(plan, already_migrated=("db-01", "app-01")))
    handle = await stage.start_plan(plan)
    await stage.approve(stage.vm_of(plan, "web-01"))
    assert PlanEnding(outcome=Outcome.MIGRATED, counts={"migrated": 3}) == await handle.result()
    assert {"web-01"} == {call.vm for call in script.calls if call.vm}


async def test_a_plan_without_anything_left_to_move_makes_nothing(stage: Stage, script: Script) -> None:
    """When all are migrated the plan ends at once."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", plan_check(plan, already_migrated=("db-01", "app-01", "web-01")))
    assert Outcome.MIGRATED == (await (await stage.start_plan(plan)).result()).outcome
    assert ["check_plan"] == script.labels()


async def test_a_refused_plan_still_counts_what_was_moved_before(stage: Stage, script: Script) -> None:
    """A migrated machine does not become refused because another is blocked."""
    plan = make_plan(TWO_WAVES)
    script.on("check_plan", plan_check(plan, already_migrated=("db-01",), blocked=("web-01",)))
    ending = await (await stage.start_plan(plan)).result()
    assert (Outcome.MIXED, {"migrated": 1, "refused": 2}) == (ending.outcome, ending.counts)


async def test_what_was_there_before_the_plan_stays(stage: Stage, script: Script, world: World) -> None:
    """A vault, a group and an account that existed are used, and not removed."""
    plan = make_plan()
    group = ids.resource_group_id(plan.subscription, plan.all_vaults[0].resource_group)
    world.make(group, plan.vault_ids[0])
    handle = await stage.start_plan(plan)
    await stage.approve(stage.vm_of(plan, "web-01"))
    await handle.result()
    assert world.is_there(group)
    assert world.is_there(plan.vault_ids[0])
    assert not {group, plan.vault_ids[0]} & {request.id for request in script.requests("remove_shared")}


async def test_what_is_there_is_found_at_once(stage: Stage, script: Script, world: World) -> None:
    """The next plan of a vault asks once for all that is shared, ensures nothing, and shares the same things."""
    first = make_plan()
    handle = await stage.start_plan(first)
    await stage.until_phase(stage.vm_of(first, "web-01"), Phase.AWAITING_APPROVAL)
    made = set(world.resources)
    await stage.approve(stage.vm_of(first, "web-01"))
    await handle.result()
    world.resources |= made
    labels, told = len(script.labels()), script.requests("enable_replication")[-1].task.shared
    plan = make_plan({"web": ["web-02"]}, subscription=first.subscription)

    second = await stage.start_plan(plan)
    await stage.approve(stage.vm_of(plan, "web-02"))
    await second.result()

    after = script.labels()[labels:]
    assert ["find_shared"] == [label for label in after if label.startswith(("ensure_", "find_"))]
    assert told == script.requests("enable_replication")[-1].task.shared


async def test_a_group_that_holds_the_moved_machine_is_left(stage: Stage, script: Script) -> None:
    """The target's resource group is in use now: its removal is refused, and the report says why it stays."""
    plan = make_plan()
    target = ids.resource_group_id(plan.subscription, plan.target.resource_group)
    script.on("remove_shared", vm_failure("it holds web-01"), when=lambda request: request.id == target)
    handle = await stage.start_plan(plan)
    await stage.approve(stage.vm_of(plan, "web-01"))
    assert Outcome.MIGRATED == (await handle.result()).outcome
    [left] = [one for one in (await stage.plan_report(handle)).resources if one.state == "left"]
    assert (target, "it holds web-01") == (left.id, left.why)


@pytest.mark.parametrize("by", ["item", "plan"])
async def test_what_others_use_is_left(stage: Stage, script: Script, world: World, by: str) -> None:
    """A vault in which another plan works, or that protects a foreign machine, stays with all that is in it."""
    plan = make_plan()
    foreign = (
        f"{plan.vault_ids[0]}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/other"
    )
    if by == "item":
        script.on("read_vault_use", {"exists": True, "item_ids": [foreign]})
    else:
        script.on("other_plans_using", {"plans": ["fabrikam"]})
    handle = await stage.start_plan(plan)
    await stage.approve(stage.vm_of(plan, "web-01"))
    await handle.result()
    assert world.is_there(plan.vault_ids[0])
    removed = {request.type for request in script.requests("remove_shared")}
    assert not [kind for kind in removed if "vaults" in kind.lower() or "storage" in kind.lower()]
    why = {one.why for one in (await stage.plan_report(handle)).resources if one.id == plan.vault_ids[0]}
    assert {"in use: the vault protects 1 virtual machines" if by == "item" else "in use by the plans fabrikam"} == why


async def test_a_failed_preparation_is_tidied_up(stage: Stage, script: Script, world: World) -> None:
    """When a container cannot be made, no machine starts, and what was made before it is removed."""
    plan = make_plan(TWO_WAVES)
    script.on("ensure_container", vm_failure("the fabric is broken"))
    handle = await stage.start_plan(plan)
    ending = await handle.result()
    assert (Outcome.ROLLED_BACK, "the fabric is broken") == (ending.outcome, ending.reason)
    assert {""} == {call.vm for call in script.calls}
    assert set() == world.resources


async def test_a_preparation_holds_while_the_environment_fails(stage: Stage, script: Script) -> None:
    """An outage during the preparation holds the plan, which says so and can be moved on; the report tells by whom."""
    plan = make_plan()
    script.on("ensure_vault", environment_failure())
    handle = await stage.start_plan(plan)
    await stage.until_plan(handle, lambda status: status.needs_action)
    assert (await stage.resolve(handle, "retry", "the secret is renewed")).counted
    [resolved] = (await stage.plan_report(handle)).resolutions
    assert ("retry", "olga@contoso.example: the secret is renewed") == (resolved.action, resolved.told)
    assert "recoveryServices" in resolved.question or "vaults" in resolved.question
    await stage.approve(stage.vm_of(plan, "web-01"))
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert [resolved] == (await stage.plan_report(handle)).resolutions


async def test_a_cancelled_plan_cancels_its_machines_and_tidies_up(
    real_stage: Stage, script: Script, world: World
) -> None:
    """Each machine goes back to its source before the shared part goes; the plan ends canceled."""
    plan = make_plan(TWO_WAVES)
    handle = await real_stage.start_plan(plan)
    await real_stage.until_phase(real_stage.vm_of(plan, "db-01"), Phase.AWAITING_APPROVAL)
    await real_stage.until_phase(real_stage.vm_of(plan, "web-01"), Phase.AWAITING_APPROVAL)
    await handle.cancel(reason="by anna")
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert set() == world.resources
    assert {RUNNING} == set(world.power.values())
    report = await real_stage.plan_report(handle)
    assert {Outcome.ROLLED_BACK} == {vm.outcome for vm in report.vms}
    assert {"cancelled with its plan by anna"} == {vm.reason for vm in report.vms}
    labels = script.labels()
    assert max(i for i, label in enumerate(labels) if label == "delete_resources") < labels.index("remove_shared")


@pytest.mark.parametrize("step", ["check_plan", "ensure_vault", "check_vm", "wait_until_protected"])
async def test_a_plan_can_be_cancelled_anywhere(real_stage: Stage, script: Script, world: World, step: str) -> None:
    """Also while it prepares, and while its machines begin, a cancelled plan leaves nothing."""
    plan = make_plan(TWO_WAVES)
    gate = script.gate(step)
    handle = await real_stage.start_plan(plan)
    await gate.reached.wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert set() == world.resources


async def test_a_machine_beyond_its_commit_is_migrated_though_the_plan_is_cancelled(
    real_stage: Stage, script: Script
) -> None:
    """A plan's cancel reaches a machine at its commit, which ends migrated; the plan counts it so."""
    plan = make_plan()
    gate = script.gate("commit_failover")
    handle = await real_stage.start_plan(plan)
    vm = real_stage.vm_of(plan, "web-01")
    await real_stage.until_phase(vm, Phase.AWAITING_APPROVAL)
    await real_stage.send(vm, names.SIGNAL_APPROVE_COMMIT, APPROVER)
    await gate.reached.wait()
    await handle.cancel()
    await real_stage.until_cancel_requested(vm)
    gate.open()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert [Outcome.MIGRATED] == [one.outcome for one in (await real_stage.plan_report(handle)).vms]


async def test_a_terminated_machine_is_noticed(real_stage: Stage) -> None:
    """A machine that an operator terminates says nothing; its plan counts it as in need of an operator."""
    plan = make_plan()
    handle = await real_stage.start_plan(plan)
    vm = real_stage.vm_of(plan, "web-01")
    await real_stage.until_phase(vm, Phase.AWAITING_APPROVAL)
    await vm.terminate("stuck")
    assert Outcome.NEEDS_OPERATOR == (await handle.result()).outcome


async def test_the_plans_end_does_not_end_its_machines(real_stage: Stage) -> None:
    """A terminated plan leaves its machines running, each on its own way."""
    plan = make_plan()
    handle = await real_stage.start_plan(plan)
    vm = real_stage.vm_of(plan, "web-01")
    await real_stage.until_phase(vm, Phase.AWAITING_APPROVAL)
    await handle.terminate("by mistake")
    assert Outcome.MIGRATED == (await real_stage.approve(vm)).outcome


async def test_a_new_run_adopts_machines_that_still_move(real_stage: Stage, script: Script) -> None:
    """A plan started again finds its machines under way, learns where they stand, and counts how they end."""
    plan = make_plan(TWO_WAVES)
    gate = script.gate("wait_until_protected", vm="db-01")
    first = await real_stage.start_plan(plan)
    await gate.reached.wait()
    await real_stage.until_phase(real_stage.vm_of(plan, "app-01"), Phase.WAITING_FOR_TURN)
    await first.terminate("lost")
    again = await real_stage.start_plan(plan)
    gate.open()
    for vm in plan.vms:
        await real_stage.approve(real_stage.vm_of(plan, vm.name))
    assert PlanEnding(outcome=Outcome.MIGRATED, counts={"migrated": 3}) == await again.result()
    assert 3 == script.labels().count("start_failover")


async def test_an_adopted_machine_in_its_failover_keeps_its_permit(real_stage: Stage, script: Script) -> None:
    """A plan started again counts the permit of a machine that fails over: with one, nobody else begins."""
    plan = make_plan({"only": ["app-01", "web-01"]}, concurrency={"cutover": 1})
    verifying = script.gate("verify_target", vm="app-01")
    copying = script.gate("wait_until_protected", vm="web-01")
    first = await real_stage.start_plan(plan)
    await verifying.reached.wait()
    await first.terminate("lost")
    again = await real_stage.start_plan(plan)
    await real_stage.until_plan(again, lambda status: status.vms[0].phase is Phase.FAILING_OVER)
    copying.open()
    await real_stage.until_phase(real_stage.vm_of(plan, "web-01"), Phase.WAITING_FOR_TURN)
    await real_stage.until_plan(again, lambda status: status.vms[1].phase is Phase.WAITING_FOR_TURN)
    assert 1 == script.labels().count("start_failover")
    verifying.open()
    for vm in plan.vms:
        await real_stage.approve(real_stage.vm_of(plan, vm.name))
    assert Outcome.MIGRATED == (await again.result()).outcome


async def test_a_cancelled_plan_does_not_wait_for_an_adopted_machine_that_is_gone(
    real_stage: Stage, script: Script
) -> None:
    """A machine of an earlier run that was terminated says nothing; the plan does not wait for it or start it anew."""
    plan = make_plan()
    first = await real_stage.start_plan(plan)
    vm = real_stage.vm_of(plan, "web-01")
    await real_stage.until_phase(vm, Phase.AWAITING_APPROVAL)
    await first.terminate("lost")
    again = await real_stage.start_plan(plan)
    await real_stage.until_plan(again, lambda status: status.vms[0].phase is Phase.AWAITING_APPROVAL)
    await vm.terminate("stuck")
    await again.cancel()
    with pytest.raises(WorkflowFailureError):
        await again.result()
    assert [Outcome.NEEDS_OPERATOR] == [one.outcome for one in (await real_stage.plan_report(again)).vms]
    assert 1 == script.labels().count("enable_replication")


async def test_a_machine_without_its_plan_says_whom_it_misses(real_stage: Stage, script: Script) -> None:
    """A machine that needs a turn and finds no plan holds, needs action, and may go on by a person's word."""
    plan = make_plan()
    gate = script.gate("wait_until_protected")
    handle = await real_stage.start_plan(plan)
    await gate.reached.wait()
    await handle.terminate("lost")
    gate.open()
    vm = real_stage.vm_of(plan, "web-01")
    status = await real_stage.until_asked(vm, "does not run, so nobody grants the turn")
    assert Phase.WAITING_FOR_TURN == status.phase
    await real_stage.resolve(vm, "skip")
    assert Outcome.MIGRATED == (await real_stage.approve(vm)).outcome


async def test_two_vaults_are_prepared_one_after_the_other(stage: Stage, script: Script, world: World) -> None:
    """Each machine goes by the vault and cache account of its place; what others use of one stays, the other goes."""
    other = str(uuid.uuid4())
    vaults = [
        {"name": "one", "resource_group": "vaults", "region": TARGET_REGION, "cache_account": ["cache1", "cache2"]},
        {"name": "two", "resource_group": "vaults", "region": TARGET_REGION, "subscription": other},
        {"name": "unused", "resource_group": "vaults", "region": TARGET_REGION},
    ]
    plan = make_plan(TWO_WAVES, vault=None, vaults=vaults)
    first, second, unused = plan.vault_ids
    places = {"db-01": Place(vault=1), "app-01": Place(account=1), "web-01": Place(vault=1, account=1)}
    check = plan_check(plan)
    placed = [vm.model_copy(update={"place": places[vm.name]}) for vm in check.vms]
    script.on("check_plan", check.model_copy(update={"vms": placed}))
    script.on("other_plans_using", {"plans": ["fabrikam"]}, when=lambda request: request.vault_id == first)
    handle = await stage.start_plan(plan)
    for vm in plan.vms:
        await stage.approve(stage.vm_of(plan, vm.name))
    assert Outcome.MIGRATED == (await handle.result()).outcome
    assert [first, second, unused] == (await (await handle.describe()).memo())[MemoKeys.VAULT]
    made = [label for label in script.labels() if label.startswith("ensure_")]
    once = PREPARATION[3:-1]
    groups, accounts = ["ensure_resource_group"] * 3, ["ensure_cache_account"]
    assert [*groups, *once, *accounts, *once, *accounts * 2] == made
    assert [first, second] == [wanted.vault_id for wanted in script.requests("ensure_vault")]
    shared = {one.task.vm.name: one.task.shared for one in script.requests("enable_replication")}
    own = [account_id(second, (), SOURCE_REGION, number) for number in (0, 1)]
    expected = {
        "db-01": (second, own[0]),
        "app-01": (first, account_id(first, ["cache1", "cache2"], SOURCE_REGION, 1)),
        "web-01": (second, own[1]),
    }
    assert expected == {name: (one.vault_id, one.cache_account_id) for name, one in shared.items()}
    assert all(f"{one.vault_id}/" in one.source_container_id for one in shared.values())
    assert (True, True) == (world.is_there(first), world.is_there(expected["app-01"][1]))
    assert not any(world.is_there(one) for one in (second, *own))
    report = await stage.plan_report(handle)
    why = {entry.id: entry.why for entry in report.resources if entry.state == "left"}
    assert {"in use by the plans fabrikam"} == {why[first], why[expected["app-01"][1]]}
    assert second not in why
    listed = script.requests("list_plan")[0]
    assert ([first, second, unused], 3) == (listed.vault_ids, len(listed.group_ids))
