"""The commands against a real Temporal server, with stand-ins for the workflows."""

import asyncio
import json
import signal
import subprocess
import uuid

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle

from migration import names
from tests.console.conftest import Answer, CommandLine, eventually

STATUS_KEYS = ["name", "wave", "phase", "waiting_for", "needs_action", "outcome", "progress_percent", "last_refusal"]


async def started(starter: CommandLine, *waves: list[str]) -> str:
    """Start a plan of these waves and return its name."""
    path, name = starter.plan(*waves)
    answer = await starter("start", path)
    assert answer.code == 0, answer.err
    return name


async def until_phase(starter: CommandLine, plan: str, phase: str, vm: str | None = None) -> Answer:
    """Ask for the status until a virtual machine, or each, is in *phase*; return that answer."""
    while True:
        answer = await starter("status", plan, "--json")
        phases = {one["phase"] for one in answer.json["vms"] if vm is None or one["name"] == vm}
        if phases == {phase}:
            return answer


def handle_of(client: Client, plan: str, vm: str | None = None) -> WorkflowHandle[object, object]:
    """Return the workflow of a plan or of its virtual machine."""
    return client.get_workflow_handle(names.migrate_vm_id(plan, vm) if vm else names.migrate_plan_id(plan))


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


class TestDecisions:
    async def test_approve_answers_at_once_and_counts(self, starter: CommandLine) -> None:
        """An approver's approval of what waits counts."""
        name = await started(starter, ["web-1", "web-2"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("approve", name, "--comment", "tested", "--json")
        watched = await starter("watch", name, "--json")

        assert answer.code == 0
        assert answer.json["decisions"] == [
            {"vm": "web-1", "counted": True, "reason": "it counts"},
            {"vm": "web-2", "counted": True, "reason": "it counts"},
        ]
        assert (watched.code, watched.json["outcome"]) == (0, "migrated")

    async def test_stranger_is_refused_with_the_reason_also_in_the_status(self, starter: CommandLine) -> None:
        """Who is no approver gets exit code 1 and the reason, which the status repeats."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("approve", name, "--approver", "eve@contoso.example")
        status = await starter("status", name, "--json")

        assert answer.code == 1
        assert "web-1: approve did not count: refused: eve@contoso.example is not an approver" in answer.out
        assert "eve@contoso.example" in status.json["vms"][0]["last_refusal"]

    async def test_only_the_named_vm_or_wave_is_decided_on(self, starter: CommandLine) -> None:
        """--vm and --wave take any case, and leave the others waiting."""
        name = await started(starter, ["web-1"], ["web-2", "web-3"])
        await until_phase(starter, name, "awaiting_approval")
        by_vm = await starter("approve", name, "--vm", "WEB-3", "--json")
        by_wave = await starter("approve", name, "--wave", "WAVE-1", "--json")
        status = await until_phase(starter, name, "done", "web-1")

        assert [one["vm"] for one in by_vm.json["decisions"]] == ["web-3"]
        assert [one["vm"] for one in by_wave.json["decisions"]] == ["web-1"]
        assert [vm["name"] for vm in status.json["vms"] if vm["phase"] == "awaiting_approval"] == ["web-2"]

    async def test_none_waiting_is_exit_code_1_and_says_where_they_stand(self, starter: CommandLine) -> None:
        """Nothing is sent to a virtual machine that does not wait."""
        name = await started(starter, ["fast-1"])
        await until_phase(starter, name, "done")
        answer = await starter("approve", name)
        unknown = await starter("approve", name, "--vm", "fast-2")

        assert answer.code == 1
        assert "no VM waits for approval now (fast-1: migrated)" in answer.out
        assert unknown.code == 2
        assert "its VMs are fast-1" in unknown.err

    async def test_reject_tells_what_is_lost_since_when(self, starter: CommandLine) -> None:
        """Going back names the time since which writes are lost, in the reader's zone."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("reject", name)
        watched = await starter("watch", name, "--json")

        assert answer.code == 0
        assert "loses what was written on the target since 2026-03-01 11:02:00 CET" in answer.err
        assert (watched.code, watched.json["outcome"]) == (1, "rolled_back")


class TestOperators:
    async def test_watch_ends_where_only_an_operator_can_go_on(self, starter: CommandLine) -> None:
        """Watching does not wait for a person's resolve: exit code 1, and the report says what is known."""
        name = await started(starter, ["stuck-1", "fast-1"])
        watched = await starter("watch", name)

        report = json.loads((starter.folder / "out" / name / "report.json").read_text())
        assert watched.code == 1
        assert "retry, skip and give-up" in watched.err
        assert report["outcome"] is None
        assert [vm["outcome"] for vm in report["vms"]] == ["needs_operator", "migrated"]

    async def test_resolve_is_taken_or_refused_with_the_reason(self, starter: CommandLine) -> None:
        """A choice that is not offered is refused; one that is moves the virtual machine on."""
        name = await started(starter, ["stuck-1"])
        status = await until_phase(starter, name, "needs_action")
        refused = await starter("skip", name, "--vm", "stuck-1", "--reason", "no idea")
        malformed = await starter("retry", name, "--vm", "stuck-1", "--reason", "malformed")
        unnamed = await starter("retry", name, "--reason", "which?")
        taken = await starter("give-up", name, "--vm", "stuck-1", "--reason", "moved by hand", "--json")
        watched = await starter("watch", name, "--json")
        late = await starter("retry", name, "--vm", "stuck-1", "--reason", "again")

        assert (status.json["outcome"], status.json["vms"][0]["outcome"]) == (None, "needs_operator")
        assert refused.code == 1
        assert "skip is no choice now" in refused.out
        assert (malformed.code, unnamed.code) == (1, 2)
        assert "the message is malformed" in malformed.out
        assert "one of stuck-1" in unnamed.err
        assert (taken.code, taken.json["taken"]) == (0, True)
        assert (watched.code, watched.json["outcome"]) == (1, "needs_operator")
        assert late.code == 1

    async def test_plans_own_step_is_resolved_without_a_vm(self, starter: CommandLine) -> None:
        """What holds before there are virtual machines is the plan's, and is told on its line."""
        path, name = starter.plan(["fast-1"], name=f"held-{uuid.uuid4().hex[:8]}")
        await starter("start", path)
        status = await starter("status", name)
        taken = await starter("retry", name, "--reason", "role granted")
        watched = await starter("watch", name, "--json")

        assert "needs a person: Create the vault: denied" in status.out
        assert (taken.code, taken.out) == (0, f"plan {name}: retry taken\n")
        assert watched.json["outcome"] == "migrated"


class TestCancel:
    async def test_returns_when_it_is_recorded(self, starter: CommandLine, standins: Client) -> None:
        """After cancel has returned the history holds the request, and what would be lost was said."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("cancel", name, "--json")

        history = await handle_of(standins, name).fetch_history()
        assert (answer.code, answer.json["cancelled"]) == (0, [f"migrate-plan/{name}"])
        assert any(event.HasField("workflow_execution_cancel_requested_event_attributes") for event in history.events)
        assert "loses what was written" in answer.err

    async def test_cancels_the_vms_whose_plan_is_gone(self, starter: CommandLine, standins: Client) -> None:
        """A terminated plan leaves its virtual machines running; cancel reaches them."""
        name = await started(starter, ["web-1", "fast-1"])
        await until_phase(starter, name, "awaiting_approval", "web-1")
        await handle_of(standins, name).terminate()
        answer = await starter("cancel", name, "--json")

        async def is_cancelled() -> bool:
            description = await handle_of(standins, name, "web-1").describe()
            return description.status is WorkflowExecutionStatus.CANCELED

        assert answer.json["cancelled"] == [f"migrate-vm/{name}/web-1"]
        await eventually(is_cancelled)

    async def test_of_what_has_ended_is_exit_code_1(self, starter: CommandLine) -> None:
        """There is nothing to cancel after the end."""
        name = await started(starter, ["fast-1"])
        await starter("watch", name)
        answer = await starter("cancel", name)

        assert answer.code == 1
        assert "nothing to cancel" in answer.out


class TestWatch:
    async def test_plain_lines_tell_each_change_once(self, starter: CommandLine) -> None:
        """Where stdout is no terminal, each change is a line with its time."""
        name = await started(starter, ["web-1"])
        watch = await starter.start("watch", name)
        await until_phase(starter, name, "awaiting_approval")
        await asyncio.sleep(2)
        await starter("approve", name)
        out, _ = await watch.communicate()

        lines = [line for line in out.decode().splitlines() if "web-1: " in line]
        assert watch.returncode == 0
        assert sum("needs a person: approval by" in line for line in lines) == 1
        assert "migrated" in lines[-1]
        assert " CE" in lines[0]
        assert "\x1b" not in out.decode()

    async def test_interrupt_leaves_the_plan_running_and_says_so(self, starter: CommandLine, standins: Client) -> None:
        """Ctrl-C ends the watching, not the plan."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        watch = await starter.start("watch", name)
        assert watch.stdout is not None
        await watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, err = await watch.communicate()

        description = await handle_of(standins, name).describe()
        assert watch.returncode == 130
        assert "the plan goes on" in err.decode()
        assert "Traceback" not in err.decode()
        assert description.status is WorkflowExecutionStatus.RUNNING

    async def test_goes_on_with_the_vms_of_a_terminated_plan(self, starter: CommandLine, standins: Client) -> None:
        """A plan's end by force does not end its virtual machines, nor the watching of them."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        await handle_of(standins, name).terminate()
        watch = await starter.start("watch", name, "--json")
        await asyncio.sleep(2)
        running = watch.returncode is None
        await starter("approve", name)
        out, _ = await watch.communicate()

        assert running
        assert (watch.returncode, json.loads(out)["outcome"]) == (0, "migrated")

    async def test_at_a_terminal_it_redraws_within_80_columns(self, starter: CommandLine) -> None:
        """On a screen the table is redrawn, and no line is wider than it."""
        name = await started(starter, ["fast-1"], ["fast-2"])
        drawn = await _in_terminal(starter, "watch", name)
        plain = await _in_terminal(starter, "watch", name, NO_COLOR="1")

        assert "\x1b[" in drawn
        assert "waiting for" in drawn
        assert "\x1b" not in plain
        assert "fast-2: migrated" in plain


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


async def _in_terminal(starter: CommandLine, *arguments: str, **variables: str) -> str:
    """Run a command with a pseudo-terminal of 80 columns as its stdout, and return what it drew."""
    import fcntl
    import os
    import pty
    import struct
    import sys
    import termios

    from tests.console.conftest import ROOT

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "starter.py"), *arguments),
        cwd=starter.folder,
        env={**starter.environment, "TERM": "xterm-256color", **variables},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    reading = asyncio.to_thread(_all_of, ours)
    drawn, _ = await asyncio.gather(reading, process.wait())
    os.close(ours)
    return drawn


def _all_of(descriptor: int) -> str:
    import os

    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:
        pass
    return b"".join(parts).decode()
