"""Deciding, resolving, cancelling and watching, against a real Temporal server with stand-ins for the workflows."""

import asyncio
import json
import signal
import subprocess
import uuid

from temporalio.client import Client, WorkflowExecutionStatus

from tests.console.conftest import DEADLINE_SECONDS, ROOT, CommandLine, eventually
from tests.console.steps import handle_of, started, until_phase


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

    async def test_who_gives_no_answer_keeps_nobody_from_being_told(self, starter: CommandLine) -> None:
        """What counted is told beside those of whom nobody knows; no stack trace, whatever ends how."""
        name = await started(starter, ["deaf-1", "web-1", "deaf-2", "deaf-3"])
        await until_phase(starter, name, "awaiting_approval")
        answer = await starter("approve", name, "--json")
        again = await starter("approve", name)
        done = await starter("status", name, "--json")

        told = {one["vm"]: (one["counted"], one["reason"]) for one in answer.json["decisions"]}
        assert (3, 3) == (answer.code, again.code)
        assert (True, "it counts") == told.pop("web-1")
        assert {"deaf-1", "deaf-2", "deaf-3"} == set(told)
        assert {None} == {counted for counted, _ in told.values()}
        assert all("no worker answered within 8 s" in reason for _, reason in told.values())
        assert "deaf-2: approve is not known to count: sending decide_commit to " in again.out
        assert "Traceback" not in answer.err + again.err
        assert {"web-1": "done"} == {vm["name"]: vm["phase"] for vm in done.json["vms"] if vm["name"] == "web-1"}

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
        causes = [event.workflow_execution_cancel_requested_event_attributes.cause for event in history.events]
        assert "by requester@contoso.example" in causes
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
        assert watch.stdout is not None
        told = b""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while b"needs a person" not in told:
                line = await watch.stdout.readline()
                assert line, "it ends only with the plan"
                told += line
        await starter("approve", name)
        rest, _ = await watch.communicate()
        out = told + rest

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

    async def test_a_lost_run_waits_for_nobody(self, starter: CommandLine, standins: Client) -> None:
        """Of a terminated machine nothing is asked that nobody can answer; status, watch and report say what to do."""
        name = await started(starter, ["web-1"])
        await until_phase(starter, name, "awaiting_approval")
        await handle_of(standins, name).terminate()
        await handle_of(standins, name, "web-1").terminate()
        status = await starter("status", name)
        watch = await starter("watch", name, "--json")
        report = await starter("report", name, "--json")

        (vm,) = watch.json["vms"]
        assert (1, None, True) == (watch.code, vm["outcome"], vm["needs_action"])
        assert vm["waiting_for"].startswith("its workflow was terminated while awaiting approval, and undid nothing")
        assert status.out.startswith(f"plan {name}: terminated; started")
        assert "lost" in status.out
        assert "decide:" not in status.out
        (told,) = report.json["vms"]
        assert (None, vm["waiting_for"]) == (told["outcome"], told["reason"])
        assert all(phase["ended"] for phase in told["phases"])

    async def test_at_a_terminal_it_redraws_within_80_columns(self, starter: CommandLine) -> None:
        """On a screen the table is redrawn, and no line is wider than it."""
        name = await started(starter, ["fast-1"], ["fast-2"])
        drawn = await _in_terminal(starter, "watch", name)
        plain = await _in_terminal(starter, "watch", name, NO_COLOR="1")

        assert "\x1b[" in drawn
        assert "waiting for" in drawn
        assert "\x1b" not in plain
        assert "fast-2: migrated" in plain


async def _in_terminal(starter: CommandLine, *arguments: str, **variables: str) -> str:
    """Run a command with a pseudo-terminal of 80 columns as its stdout, and return what it drew."""
    import fcntl
    import os
    import pty
    import struct
    import sys
    import termios

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
