"""Plans of thousands of machines: read in seconds, and small enough for what a workflow is given."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import yaml

from console.errors import InputError
from console.plans import refuse_too_large
from console.starting import _details, _summary
from migration import yaml_tree
from migration.findings import PlanCheck, VmFindings
from migration.inputs import MigratePlanInput
from migration.packing import packed_size
from migration.phases import Phase
from migration.plan import Plan, Waiver
from migration.plan_state import BoardState, FleetState, PlanState, PreparedState, carried_check
from migration.report import PlanReport, PlanVm, plan_evidence
from migration.specs import hooks_by_vm, verifying_of, vm_specs
from migration.steering import DispatchState
from migration.wires import wanted_of
from tests.migration.large_plans import plan_text

ROOT = Path(__file__).parents[2]
_READ = """
import json, resource, sys, time
from migration.plan_file import load_plan
began = time.process_time()
plan = load_plan(sys.argv[1])
took = time.process_time() - began
text = plan.model_dump_json()
print(json.dumps({"vms": len(plan.vms), "seconds": took, "text": text,
    "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024}))
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Return what a process of its own tells of reading a plan of 5,000 machines."""
    file = tmp_path_factory.mktemp("plans") / "fleet.yaml"
    file.write_text(plan_text(5_000), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", _READ, str(file)], cwd=ROOT, capture_output=True, check=True)
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def fleet(read: dict[str, object]) -> Plan:
    """Return that plan."""
    return Plan.model_validate_json(str(read["text"]))


def test_five_thousand_machines_are_read_within_seconds(read: dict[str, object]) -> None:
    """Parsed and checked, in at most five seconds of a processor and 300 MiB."""
    assert 5_000 == read["vms"]
    assert float(str(read["seconds"])) < 5
    assert float(str(read["mib"])) < 300


def test_five_thousand_machines_are_a_small_input(fleet: Plan) -> None:
    """Compressed as on its way to Temporal, which warns at 256 KB."""
    assert packed_size(fleet.model_dump_json().encode()) < 200_000
    refuse_too_large(fleet, "fleet.yaml")


def test_what_temporal_keeps_of_five_thousand_machines_is_small(fleet: Plan) -> None:
    """Memo and details of the plan, and what a run hands to the next: below where Temporal warns, or refuses."""
    runs = {vm.name: str(uuid.uuid4()) for vm in fleet.vms}
    found = [VmFindings(name=vm.name, size="Standard_D4s_v5", copied_gib=n % 90) for n, vm in enumerate(fleet.vms)]
    told = [
        PlanVm(name=vm.name, id=fleet.source_id(vm), wave="", workflow_id=vm.name, phase=Phase.DONE) for vm in fleet.vms
    ]
    state = PlanState(
        parts=9,
        board=BoardState(phase="moving", started="", check=carried_check(PlanCheck(vms=found), set(runs))),
        dispatch=DispatchState(),
        prepared=PreparedState(),
        fleet=FleetState(runs=runs),
    )
    handed_on = MigratePlanInput(plan=fleet, requester="anna", state=state)

    assert len(_details(fleet, "anna").encode()) < 20_000
    assert packed_size(json.dumps(_summary(fleet)).encode()) < 50_000
    assert packed_size(json.dumps(plan_evidence(PlanReport(plan="", plan_hash="", vms=told), runs)).encode()) < 200_000
    assert packed_size(handed_on.model_dump_json().encode()) < 300_000
    assert handed_on == MigratePlanInput.model_validate_json(handed_on.model_dump_json())


def test_a_plan_that_no_workflow_would_take_is_refused(fleet: Plan) -> None:
    """With its file, the place, and what to do about it."""
    noisy = [
        vm.model_copy(update={"name": f"{hash((n, 'a')):x}{hash((n, 'b')):x}{hash((n, 'c')):x}"[:200] * 8})
        for n, vm in enumerate(fleet.vms)
    ]
    large = fleet.model_copy(update={"waves": [fleet.waves[0].model_copy(update={"vms": noisy * 5})]})

    with pytest.raises(InputError, match=r"fleet\.yaml: waves: .* MB even compressed.* or split the plan"):
        refuse_too_large(large, "fleet.yaml")


def test_no_step_looks_at_all_machines_for_each_machine(fleet: Plan) -> None:
    """Also with a waiver for each: 25 million looks would take a minute."""
    waivers = [Waiver(rule="guest-asked", vm=vm.name, by="anna@contoso.example", reason="known") for vm in fleet.vms]
    began = time.process_time()
    plan = Plan.model_validate({**{name: getattr(fleet, name) for name in Plan.model_fields}, "waivers": waivers})
    specs = vm_specs(plan)

    assert [[vm.name] for vm in plan.vms] == [[one.vm for one in spec.waivers] for spec in specs]
    assert [vm.name for vm in plan.vms] == list(hooks_by_vm(plan)) == list(verifying_of(plan))
    wanted_of(plan)
    assert time.process_time() - began < 20


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
@pytest.mark.parametrize("file", sorted((ROOT / "plans").glob("*.yaml")), ids=lambda file: file.name)
def test_both_parsers_read_the_same(file: Path) -> None:
    """The quick one and the one whose words about mistakes are known: values, places and flaws."""
    text = file.read_text(encoding="utf-8")
    quick, slow = yaml_tree.read_yaml(text), yaml_tree._read_slowly(text, yaml_tree.Tree())

    assert slow == quick
