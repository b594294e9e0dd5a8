"""The names, shapes and exit codes that users' tools rely on, as they are on a running stack (design, Contracts)."""

import asyncio
import json
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from temporalio.client import WorkflowExecutionDescription

from tests.e2e import judge
from tests.e2e.clone import Answer, Clone
from tests.e2e.estates import APPROVER, Case
from tests.e2e.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CASE = Case("contract")
VM = "migrate-vm/contract/vm"
SOON_SECONDS = 10
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass
class Story:
    """What the commands answered while one machine moved."""

    answers: dict[str, Answer] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    updates: dict[str, Any] = field(default_factory=dict)
    phases: list[str] = field(default_factory=list)

    async def type(self, clone: Clone, key: str, command: str) -> Answer:
        """Type a command of starter.py, and keep its answer."""
        self.answers[key] = await clone.starter(command)
        return self.answers[key]


async def soon(clone: Clone, command: str, **variables: str) -> Answer:
    """Run a command that has to give up within ten seconds, and as much as a busy machine takes to load it.

    How much that is tells one that asks nobody, beside it; it loads a third of what the others load.
    """
    answer, bare = await asyncio.gather(clone.starter(command, **variables), clone.starter("--version"))
    assert answer.seconds < SOON_SECONDS + 3 * bare.seconds, (command, bare)
    return answer


async def signal(clone: Clone, payload: str) -> str:
    """Send `approve_commit` by the Temporal CLI, and return the refusal that the status tells then."""
    before = await decisions(clone)
    sent = await clone.shell(f"temporal workflow signal --workflow-id {VM} --name approve_commit --input '{payload}'")
    assert 0 == sent.code, sent.err

    async def judged() -> bool:
        return await decisions(clone) > before

    await until(judged, f"{payload} was judged", seconds=60)
    return str((await clone.status("contract"))["vms"][0]["last_refusal"])


async def decisions(clone: Clone) -> int:
    """Return how many messages about the commit the machine's workflow has taken."""
    report = await clone.client.get_workflow_handle(VM).query("report")
    return len(report["decisions"])


async def update(clone: Clone, payload: str) -> Any:
    """Send `decide_commit` by the Temporal CLI, and return its answer."""
    command = f"temporal workflow update execute --workflow-id {VM} --name decide_commit --input '{payload}'"
    answer = await clone.shell(f"{command} --output json")
    return json.loads(answer.out)["result"] if answer.code == 0 else answer.err


@pytest.fixture(scope="module")
async def story(clone: Clone) -> Story:
    """Move one machine, and say and ask on the way all that the contract knows."""
    story = Story()
    file = clone.add(CASE)
    clone.simulator.seed({"resources": [], "behaviour": {CASE.vm_id("vm"): {"initial_replication_minutes": 60}}})
    await story.type(clone, "check", f"check {file} --json")
    await story.type(clone, "start", f"start {file} --json")
    await clone.reach("contract", "replicating", "vm")
    story.refusals["early"] = await signal(clone, json.dumps({"approver": APPROVER}))
    await story.type(clone, "attach", f"start {file} --json")
    other = CASE.plan.model_dump(mode="json", exclude_defaults=True) | {"on_failures": "stop"}
    await story.type(clone, "other file", f"start {clone.write_plan('other', other)}")
    await story.type(clone, "report before", "report contract --json")
    await clone.reach("contract", "awaiting_approval", "vm")
    story.refusals["malformed"] = await signal(clone, '"nonsense"')
    story.refusals["nobody"] = await signal(clone, '{"comment": "who?"}')
    story.updates["malformed"] = await update(clone, json.dumps({"approver": APPROVER}))
    story.updates["stranger"] = await update(clone, '{"approver": "stranger@contoso.example", "decision": "approve"}')
    await story.type(clone, "retry", "retry contract --vm vm --reason none --json")
    await story.type(clone, "approve", "approve contract --vm VM --json")
    await story.type(clone, "watch", "watch contract --json")
    await story.type(clone, "approve late", "approve contract --json")
    await story.type(clone, "cancel", "cancel contract --json")
    await story.type(clone, "status", "status contract --json")
    await story.type(clone, "report", "report contract --json")
    return story


def test_every_json_answer_is_json_alone(story: Story) -> None:
    """Standard output carries one JSON value and nothing else, whatever the exit code."""
    codes = {
        "check": 0,
        "start": 0,
        "attach": 0,
        "report before": 0,
        "retry": 1,
        "approve": 0,
        "watch": 0,
        "approve late": 1,
        "cancel": 1,
        "status": 0,
        "report": 0,
    }
    assert codes == {key: story.answers[key].code for key in codes}
    assert [] == [key for key in codes if not isinstance(story.answers[key].json, dict)]


def test_start_attaches_to_the_same_file_only(story: Story) -> None:
    """The same file attaches; another is refused with what to do."""
    first, again, other = (story.answers[key] for key in ("start", "attach", "other file"))
    assert (True, False) == (first.json["started"], again.json["started"])
    assert ("migrate-plan/contract", first.json["run_id"]) == (again.json["workflow_id"], again.json["run_id"])
    assert (1, "") == (other.code, other.out)
    assert "it runs already, with another plan file" in other.err


def test_what_does_not_count_is_recorded_with_its_reason(story: Story) -> None:
    """Early, malformed, without a name, by a stranger: each is told; nothing is dropped."""
    assert story.refusals["early"].startswith("early: ")
    assert story.refusals["malformed"].startswith("refused: ")
    assert "approver" in story.refusals["nobody"]
    assert '"decision" must be "approve" or "reject"' in story.updates["malformed"]
    reason = "refused: stranger@contoso.example is not an approver of this plan"
    assert {"counted": False, "reason": reason} == story.updates["stranger"]
    vm = story.answers["report"].json["vms"][0]
    assert [False] * 4 + [True] == [decision["counted"] for decision in vm["decisions"]]
    assert (APPROVER, True) == (vm["approval"]["approver"], vm["approval"]["counted"])


def test_a_report_before_the_end_tells_what_is_known(story: Story) -> None:
    """The outcome is null, and the phases so far are there."""
    report = story.answers["report before"].json
    assert ("contract", None, None) == (report["plan"], report["outcome"], report["vms"][0]["outcome"])
    assert ["checking", "enabling"] == [phase["name"] for phase in report["vms"][0]["phases"]][:2]


def test_the_report_has_the_contracts_keys_and_times(story: Story, clone: Clone) -> None:
    """report.json is what `report --json` prints; phases in their order; times in UTC with Z."""
    report = clone.report("contract")
    assert story.answers["report"].json == report
    vm = report["vms"][0]
    assert {"plan", "outcome", "started", "ended", "resources", "vms"} <= set(report)
    keys = "name id outcome reason downtime_seconds data_loss_seconds phases approval findings resources"
    assert set(keys.split()) <= set(vm)
    expected = "checking enabling replicating configuring waiting_for_turn checking failing_over verifying"
    ending = "awaiting_approval committing disabling done"
    assert f"{expected} {ending}".split() == [phase["name"] for phase in vm["phases"]]
    times = [
        report["started"],
        report["ended"],
        *(phase[end] for phase in vm["phases"] for end in ("started", "ended")),
    ]
    assert [] == [time for time in times if not UTC_TIME.fullmatch(time)]
    resource = {"id", "type", "created_by", "state", "why"}
    assert [] == [one for one in [*report["resources"], *vm["resources"]] if set(one) != resource]


async def test_temporal_knows_them_by_the_contracts_names(story: Story, clone: Clone) -> None:
    """Workflow ids, types, task queue and search attributes are those that `temporal workflow list` asks for."""
    assert story.answers
    plan, vm = await described(clone, "migrate-plan/contract"), await described(clone, VM)
    assert ("MigratePlan", "azure-migration") == (plan.workflow_type, plan.task_queue)
    assert ("MigrateVm", "azure-migration") == (vm.workflow_type, vm.task_queue)
    attributes = {pair.key.name: pair.value for pair in vm.typed_search_attributes}
    expected = {
        "MigrationPlan": "contract",
        "MigrationWave": "first",
        "MigrationVm": "vm",
        "MigrationPhase": "done",
        "SourceRegion": "westeurope",
        "TargetRegion": "northeurope",
        "NeedsAction": False,
    }
    assert expected == {name: attributes[name] for name in expected}


async def described(clone: Clone, workflow_id: str) -> WorkflowExecutionDescription:
    """Return what Temporal tells of a workflow."""
    return await clone.client.get_workflow_handle(workflow_id).describe()


def test_the_state_folder_tells_where_everything_is(clone: Clone) -> None:
    """`.state/` has the ready line, the ids of the processes themselves, and the variables of a shell."""
    ready = json.loads((clone.state / "simulator.json").read_text())
    assert {"endpoint", "ca_file", "tenant_id", "client_id", "client_secret", "subscription_id"} <= set(ready)
    assert Path(ready["ca_file"]).is_absolute()
    marks = {"temporal": "start-dev", "simulator": "simulator", "worker": "worker.py"}
    running = {name: " ".join(psutil.Process(clone.pid(name)).cmdline()) for name in marks}
    assert [] == [name for name, mark in marks.items() if mark not in running[name]]
    names = re.findall(r"^export (\w+)=", (clone.state / "env").read_text(), flags=re.MULTILINE)
    needed = "TEMPORAL_ADDRESS TEMPORAL_NAMESPACE AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET"
    more = "AZURE_AUTHORITY_HOST AZURE_RESOURCE_MANAGER_ENDPOINT MIGRATION_APPROVER"
    assert set(f"{needed} {more}".split()) <= set(names)


async def test_a_plan_that_cannot_be_read_is_exit_code_2(clone: Clone) -> None:
    """File, line, field and what would be right; nothing on stdout, and nothing was started."""
    plan = CASE.plan.model_dump(mode="json", exclude_defaults=True) | {"name": "broken"}
    plan["target"]["region"] = "westeurope"
    file = clone.write_plan("broken", plan)

    answer = await clone.starter(f"start {file}")

    assert (2, "") == (answer.code, answer.out)
    assert re.search(rf"{file}:\d+: target\.region: .*same region, westeurope; name the region to move to", answer.err)
    assert 2 == (await clone.starter("status broken")).code


async def test_what_blocks_is_exit_code_1_and_writes_nothing(clone: Clone) -> None:
    """A machine that does not exist is found by `check`, and stops `start` before any write."""
    absent = Case("absent", vms=("here", "gone"))
    file = clone.add(absent)
    missing = clone.simulator.arm("DELETE", absent.vm_id("gone"))
    clone.simulator.follow(missing)
    begun = len(clone.simulator.requests())

    checked, started = await clone.starter(f"check {file}"), await clone.starter(f"start {file} --wait")

    assert (1, 1) == (checked.code, started.code), checked.err + started.err
    assert "source-exists" in checked.out
    assert ["refused", "refused"] == [vm["outcome"] for vm in clone.report("absent")["vms"]]
    log = [line for line in clone.simulator.requests(since=begun) if "absent-" in line["path"]]
    assert [] == [line for line in log if judge.changes(line)]


@pytest.mark.parametrize("command", ["start plans/contract.yaml", "status contract", "check plans/contract.yaml"])
async def test_temporal_out_of_reach_is_exit_code_3_soon(clone: Clone, story: Story, command: str) -> None:
    """Within ten seconds the address that was tried is told."""
    assert story.answers
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"

        answer = await soon(clone, command, TEMPORAL_ADDRESS=address)

    assert (3, "") == (answer.code, answer.out)
    assert address in answer.err


async def test_no_worker_is_exit_code_3_soon(clone: Clone, story: Story) -> None:
    """In a namespace where no worker polls nothing is started, and the address is told."""
    assert story.answers
    made = await clone.shell("temporal operator namespace create --namespace deserted")
    assert 0 == made.code, made.err

    async def known() -> bool:
        listed = await clone.shell("temporal workflow list", TEMPORAL_NAMESPACE="deserted")
        return listed.code == 0

    await until(known, "the namespace is known", seconds=30)
    answers = [await soon(clone, f"{v} plans/contract.yaml", TEMPORAL_NAMESPACE="deserted") for v in ("start", "check")]

    address = await clone.variable("TEMPORAL_ADDRESS")
    assert [(3, "")] * 2 == [(answer.code, answer.out) for answer in answers]
    assert [] == [answer.err for answer in answers if address not in answer.err or "none polls" not in answer.err]
