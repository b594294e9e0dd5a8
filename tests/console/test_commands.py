"""Starting, asking and checking, against a real Temporal server with stand-ins for the workflows."""

import json
from pathlib import Path

from temporalio.client import Client

from migration import names
from migration.large_plans import LARGE
from tests.console.conftest import ROOT, CommandLine, eventually, standin_worker
from tests.console.steps import handle_of, started, until_phase

STATUS_KEYS = [
    "name",
    "wave",
    "phase",
    "waiting_for",
    "needs_action",
    "outcome",
    "progress_percent",
    "last_refusal",
]


class TestStart:
    async def test_starts_by_name_with_what_people_look_for(self, starter: CommandLine, standins: Client) -> None:
        """The workflow has the contract's id, and its memo, search attributes and summary say what it moves."""
        path, name = starter.plan(["web-1"], ["web-2"])
        answer = await starter("start", path, "--json")

        description = await handle_of(standins, name).describe()
        attributes = {pair.key.name: pair.value for pair in description.typed_search_attributes}
        assert answer.code == 0
        assert answer.json["workflow_id"] == f"migrate-plan/{name}"
        assert answer.json["started"] is True
        assert "https://localhost:8443" in answer.err
        assert await description.memo_value("summary") == [
            {"wave": "wave-1", "vms": ["web-1"]},
            {"wave": "wave-2", "vms": ["web-2"]},
        ]
        assert await description.memo_value("plan_hash") == answer.json["plan_hash"]
        assert (attributes["MigrationPlan"], attributes["TargetRegion"]) == (name, "northeurope")
        assert await description.static_summary() == "Move 2 VMs from westeurope to northeurope in 2 waves"

    async def test_same_file_attaches_and_another_is_refused(self, starter: CommandLine) -> None:
        """A second start of what runs changes nothing; one with another content is a mistake."""
        path, name = starter.plan(["web-1"])
        first = await starter("start", path, "--json")
        same = await starter("start", path, "--json")
        other, _ = starter.plan(["web-2"], name=name)
        refused = await starter("start", other)

        assert (same.code, same.json["started"]) == (0, False)
        assert same.json["run_id"] == first.json["run_id"]
        assert (refused.code, refused.out) == (1, "")
        assert "runs already, with another plan file" in refused.err

    async def test_finished_plan_runs_anew(self, starter: CommandLine) -> None:
        """The same file after the end is a new run."""
        path, name = starter.plan(["fast-1"])
        first = await starter("start", path, "--json")
        await starter("watch", name)
        second = await starter("start", path, "--json")

        assert (second.code, second.json["started"]) == (0, True)
        assert second.json["run_id"] != first.json["run_id"]

    async def test_wait_ends_with_the_outcome_and_the_report(self, starter: CommandLine) -> None:
        """With --wait the exit code tells the outcome, and only the final state is on stdout."""
        path, name = starter.plan(["fast-1"], ["fast-2"])
        answer = await starter("start", path, "--wait", "--json")

        assert answer.code == 0
        assert answer.json["outcome"] == "migrated"
        assert json.loads((starter.folder / "out" / name / "report.json").read_text())["outcome"] == "migrated"

    async def test_wait_of_a_mixed_plan_is_exit_code_1(self, starter: CommandLine) -> None:
        """A plan of which one virtual machine was refused did not migrate all."""
        path, name = starter.plan(["fast-1", "refused-1"])
        answer = await starter("start", path, "--wait")

        report = json.loads((starter.folder / "out" / name / "report.json").read_text())
        refused = next(vm for vm in report["vms"] if vm["name"] == "refused-1")
        assert answer.code == 1
        assert report["outcome"] == "mixed"
        assert (refused["outcome"], refused["reason"]) == ("refused", "no quota")
        assert refused["findings"][0]["severity"] == "blocking"

    async def test_cloud_that_is_not_local_needs_a_yes(self, starter: CommandLine, standins: Client) -> None:
        """Without a terminal to ask at, a real cloud is written to only with --yes; what it is stands there."""
        path, name = starter.plan(["fast-1"])
        variables = {"AZURE_RESOURCE_MANAGER_ENDPOINT": "https://management.azure.com", "AZURE_TENANT_ID": "the-tenant"}
        refused = await starter("start", path, **variables)
        runs = [run async for run in standins.list_workflows(f"WorkflowId = 'migrate-plan/{name}'")]
        taken = await starter("start", path, "--yes", **variables)

        assert (refused.code, runs) == (2, [])
        assert "--yes" in refused.err
        assert "the-tenant" in refused.err
        assert "https://management.azure.com" in refused.err
        assert taken.code == 0

    async def test_without_a_worker_nothing_starts(self, lonely_starter: CommandLine, deserted: Client) -> None:
        """A plan that nobody would run is not started; the address is told."""
        path, name = lonely_starter.plan(["fast-1"])
        answer = await lonely_starter("start", path)

        assert (answer.code, answer.out) == (3, "")
        assert lonely_starter.environment["TEMPORAL_ADDRESS"] in answer.err
        assert "none polls" in answer.err
        assert [run async for run in deserted.list_workflows(f"WorkflowId = 'migrate-plan/{name}'")] == []

    async def test_a_large_plan_runs_on_the_queue_of_fleets(self, starter: CommandLine, standins: Client) -> None:
        """Not where nobody serves it, as a worker of an earlier release does not."""
        path, name = starter.plan([f"refused-{number}" for number in range(LARGE + 1)])
        refused = await starter("start", path)
        async with standin_worker(standins, names.FLEET_TASK_QUEUE):
            answer = await starter("start", path)
            run = await handle_of(standins, name).describe()

        assert (3, 0) == (refused.code, answer.code)
        assert f'waiting for a worker on task queue "{names.FLEET_TASK_QUEUE}"' in refused.err
        assert names.FLEET_TASK_QUEUE == run.task_queue

    async def test_mistake_in_the_plan_names_file_line_and_field(self, starter: CommandLine) -> None:
        """A plan file that cannot be used is exit code 2, in the form editors jump to."""
        path, _ = starter.plan(["fast-1", "fast-1"])
        answer = await starter("start", path)

        assert answer.code == 2
        assert answer.err.startswith(f"{path}:")
        assert "fast-1" in answer.err


class TestStatus:
    async def test_json_is_the_contract(self, starter: CommandLine) -> None:
        """The object has exactly the keys that users' tools rely on."""
        name = await started(starter, ["web-1"], ["fast-1"])
        answer = await until_phase(starter, name, "awaiting_approval", "web-1")

        assert list(answer.json) == ["plan", "outcome", "vms"]
        assert (answer.json["plan"], answer.json["outcome"]) == (name, None)
        assert [list(vm) for vm in answer.json["vms"]] == [STATUS_KEYS, STATUS_KEYS]
        assert answer.json["vms"][0] == {
            "name": "web-1",
            "wave": "wave-1",
            "phase": "awaiting_approval",
            "waiting_for": "approval by approver@contoso.example",
            "needs_action": True,
            "outcome": None,
            "progress_percent": None,
            "last_refusal": None,
        }

    async def test_progress_comes_from_the_heartbeat_of_the_wait(self, starter: CommandLine, standins: Client) -> None:
        """How far a copy is stands in the status while the wait heartbeats it."""
        name = await started(starter, ["copying-1"])

        async def is_seen() -> bool:
            answer = await starter("status", name, "--json")
            return bool(answer.json["vms"][0]["progress_percent"] == 42)

        await eventually(is_seen)
        table = await starter("status", name)
        await handle_of(standins, name).cancel()
        assert "42 %, RPO 30" in table.out

    async def test_of_a_plan_file_and_of_all_plans(self, starter: CommandLine) -> None:
        """A file stands for its plan; without a plan, all are listed."""
        path, name = starter.plan(["web-1"])
        await starter("start", path)
        by_file = await starter("status", path, "--json")
        everything = await starter("status", "--json")
        table = await starter("status")

        assert by_file.json["plan"] == name
        assert name in [plan["plan"] for plan in everything.json["plans"]]
        assert name in table.out

    async def test_unknown_plan_is_exit_code_2_and_tells_the_known(self, starter: CommandLine) -> None:
        """A mistyped name gets the names there are."""
        name = await started(starter, ["fast-1"])
        answer = await starter("status", "contosso")

        assert answer.code == 2
        assert name in answer.err

    async def test_one_vm_that_cannot_answer_hides_no_other(self, starter: CommandLine) -> None:
        """A workflow whose query fails is shown by its search attributes."""
        name = await started(starter, ["failing-1", "web-1"])
        await until_phase(starter, name, "awaiting_approval", "web-1")
        answer = await starter("status", name, "--json")

        assert [vm["phase"] for vm in answer.json["vms"]] == ["done", "awaiting_approval"]
        assert answer.json["vms"][0]["outcome"] == "migrated"
        assert [STATUS_KEYS, STATUS_KEYS] == [list(vm) for vm in answer.json["vms"]]

    async def test_one_that_gives_no_answer_is_told(self, starter: CommandLine) -> None:
        """No alarm, no writes: what only the machine could have said is not taken for nothing to say."""
        name = await started(starter, ["mute-1", "web-1"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("status", name, "--json")
        table = await starter("status", name)

        assert [[*STATUS_KEYS, "answered"], STATUS_KEYS] == [list(vm) for vm in answer.json["vms"]]
        assert answer.json["vms"][0]["answered"] is False
        assert answer.err == table.err
        assert "no answer in time from mute-1: this is what Temporal last recorded" in table.err
        assert "answered" not in answer.json


class TestWithoutAWorker:
    async def test_status_answers_from_what_temporal_recorded(
        self, lonely_starter: CommandLine, deserted: Client
    ) -> None:
        """Memo and visibility tell where a plan stands while no worker runs."""
        name = "unserved"
        await deserted.start_workflow(
            names.MIGRATE_PLAN,
            id=names.migrate_plan_id(name),
            task_queue=names.WORKFLOW_TASK_QUEUE,
            memo={"summary": [{"wave": "one", "vms": ["a", "b"]}]},
        )
        answer = await lonely_starter("status", name, "--json")
        report = await lonely_starter("report", name)
        approve = await lonely_starter("approve", name)
        cancel = await lonely_starter("cancel", name)

        assert answer.code == 0
        assert [(vm["name"], vm["wave"], vm["phase"]) for vm in answer.json["vms"]] == [
            ("a", "one", "checking"),
            ("b", "one", "checking"),
        ]
        assert "no worker answers" in answer.err
        assert answer.json["answered"] is False
        assert (report.code, approve.code, cancel.code) == (3, 3, 0)


class TestCheck:
    async def test_blocking_findings_come_first_and_are_exit_code_1(self, starter: CommandLine) -> None:
        """What blocks is told first; what could not be asked blocks as well."""
        path, name = starter.plan(["copying-1", "refused-1", "fast-1"])
        table = await starter("check", path)
        answer = await starter("check", path, "--json")
        unknown, _ = starter.plan(["stuck-1"])

        assert (table.code, answer.code) == (1, 1)
        assert "fast-1: migrated already" in table.out
        assert "1 to mend before it starts" in table.out
        assert (answer.json["plan"], answer.json["blocked"]) == (name, True)
        assert [vm["name"] for vm in answer.json["vms"]] == ["copying-1", "refused-1", "fast-1"]
        assert (await starter("check", unknown)).code == 1

    async def test_nothing_that_blocks_is_exit_code_0(self, starter: CommandLine) -> None:
        """A warning lets the plan start."""
        path, _ = starter.plan(["copying-1"])
        answer = await starter("check", path)

        assert answer.code == 0
        assert "nothing blocks" in answer.out

    async def test_azure_that_does_not_answer_is_exit_code_3(self, starter: CommandLine) -> None:
        """A check that could not be made says so, with the remedy."""
        path, _ = starter.plan(["failing-1"])
        answer = await starter("check", path)

        assert (answer.code, answer.out) == (3, "")
        assert "reading vaults: denied; renew the secret" in answer.err


class TestPlan:
    async def test_each_write_is_listed_with_time_and_costs(self, starter: CommandLine) -> None:
        """Lines for people, the whole list as JSON; what was moved before, not read, or blocks is told."""
        path, name = starter.plan(["copying-1", "fast-1", "stuck-1"])
        text = await starter("plan", path)
        with_reads = await starter("plan", path, "--reads")
        answer = await starter("plan", path, "--json")

        assert (text.code, answer.code) == (0, 0)
        writes = [call for call in answer.json["calls"] if call["writes"]]
        assert all(f"{call['n']:>4} " in text.out for call in writes)
        assert [line for line in text.out.splitlines() if "copying-1: POST unplannedFailover" in line]
        assert len(with_reads.out.splitlines()) > len(text.out.splitlines())
        assert (answer.json["plan"], answer.json["already_migrated"]) == (name, ["fast-1"])
        assert {"fast-1"}.isdisjoint(call["vm"] for call in writes)
        for told in ("fast-1: migrated already", "stuck-1: it could not be read", "2 findings would stop it", "Made:"):
            assert told in text.out
        assert "downtime of a machine" in text.out
        assert "replica disks" in text.out

    async def test_a_file_of_ones_own_prices_counts(self, starter: CommandLine, tmp_path: Path) -> None:
        """Another price, another sum; the file is named."""
        path, _ = starter.plan(["copying-1"])
        dear = tmp_path / "dear.yaml"
        listed = (ROOT / "plans" / "prices.yaml").read_text(encoding="utf-8")
        dear.write_text(listed.replace("Premium_LRS: 0.15", "Premium_LRS: 15"), encoding="utf-8")

        usual, own = await starter("plan", path, "--json"), await starter("plan", path, "--json", "--prices", str(dear))

        assert usual.json["cost"]["high"] < own.json["cost"]["high"]
        assert (usual.json["cost"]["prices_file"], own.json["cost"]["prices_file"]) == ("plans/prices.yaml", str(dear))

    async def test_azure_that_does_not_answer_is_exit_code_3(self, starter: CommandLine) -> None:
        """A plan that could not be looked at says so, with the remedy."""
        path, _ = starter.plan(["failing-1"])
        answer = await starter("plan", path)

        assert (answer.code, answer.out) == (3, "")
        assert "reading vaults: denied; renew the secret" in answer.err
