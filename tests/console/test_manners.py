"""What holds for every command: quick help, exit codes, one sentence instead of a stack trace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from console.main import main

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["check", "plan", "roles", "start", "status", "watch", "approve", "reject", "retry", "skip", "give-up"]
COMMANDS += ["cancel", "report"]
PLAN = str(ROOT / "plans" / "contoso.yaml")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, str(ROOT / "starter.py"), *arguments],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "late"),
    [
        (["--help"], ["asyncio", "temporalio", "azure", "pydantic", "rich", "jinja2"]),
        (["status", "contoso"], ["temporalio.worker", "structlog", "azure", "aiohttp", "jinja2"]),
    ],
    ids=["help", "status"],
)
def test_a_command_imports_no_more_than_it_needs(arguments: list[str], late: list[str]) -> None:
    """Help comes at once because it loads no SDK; where a plan stands is told without what only a worker needs."""
    code = (
        f"import sys; from console.main import main; main({arguments}, {{'TEMPORAL_ADDRESS': '127.0.0.1:1'}});"
        f"print(sorted(set({late}) & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's help shows how it is typed, fits 80 columns, and offers JSON."""
    code = main([command, "--help"], {})

    text = capsys.readouterr().out
    assert code == 0
    assert "--json" in text
    assert f"Example: starter.py {command} contoso" in text or f"Example: starter.py {command} plans/" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_python_without_our_packages_is_told_in_a_sentence() -> None:
    """Whoever forgets the environment is sent there, without a stack trace."""
    ran = subprocess.run(
        [sys.executable, "-S", ROOT / "starter.py", "status"], capture_output=True, text=True, check=False
    )

    assert (2, "") == (ran.returncode, ran.stdout)
    assert "run `make setup`, then .venv/bin/python starter.py" in ran.stderr
    assert 1 == len(ran.stderr.splitlines())


def test_roles_are_json_alone_and_need_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them as a list, one as `az role definition create` takes it; where to assign them goes to stderr."""
    assert 0 == main(["roles", PLAN], {"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    every = capsys.readouterr()
    assert 0 == main(["roles", PLAN, "--only", "source", "--groups-exist", "--json"], {})
    one = json.loads(capsys.readouterr().out)

    assert one in json.loads(every.out)
    assert "contoso-prod" in one["AssignableScopes"][0]
    assert "assign it to the worker's identity" in every.err


def test_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the project's."""
    assert main(["--version"], {}) == 0
    assert capsys.readouterr().out.startswith("azure-vm-migration 0.")


def test_completion_names_the_commands() -> None:
    """A shell's completion offers the commands."""
    ran = run(**{"COMP_WORDS": "starter.py ", "COMP_CWORD": "1", "_STARTER.PY_COMPLETE": "complete_bash"})

    assert set(COMMANDS) <= set(ran.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["move"], "No such command"),
        (["start"], "Missing argument"),
        (["approve", "contoso", "--vm", "a", "--wave", "b"], "--vm or --wave, not both"),
        (["retry", "contoso", "--vm", "a"], "--reason"),
        (["status", "../contoso"], "../contoso"),
        (["status", "con toso"], "no safe name"),
        (["start", "nowhere.yaml"], "nowhere.yaml"),
        (["approve", "contoso"], "MIGRATION_APPROVER"),
        (["give-up", "contoso", "--vm", "a", "--reason", "  "], "--reason"),
        (["plan", "nowhere.yaml"], "nowhere.yaml"),
        (["plan", PLAN, "--prices", "nothing.yaml"], "nothing.yaml"),
        (["roles", "nowhere.yaml"], "nowhere.yaml"),
        (["roles", PLAN, "--only", "moon"], "vault, source, target, network, subscription"),
    ],
)
def test_wrong_input_is_exit_code_2_with_what_would_be_right(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong input prints nothing as an answer and says what to mend, before anything is connected."""
    code = main(arguments, {"TEMPORAL_ADDRESS": "127.0.0.1:1"})

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert told in printed.err


def test_wrong_environment_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A variable that cannot be used is named."""
    plan = str(ROOT / "plans" / "contoso.yaml")

    assert main(["start", plan], {"AZURE_RESOURCE_MANAGER_ENDPOINT": "http://example.com"}) == 2
    assert "AZURE_RESOURCE_MANAGER_ENDPOINT" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["status"], ["watch", "contoso"], ["cancel", "contoso"], ["plan", PLAN]])
def test_absent_temporal_is_exit_code_3(arguments: list[str]) -> None:
    """Without a server the address tried is told; how soon is measured on a whole stack."""
    ran = run(*arguments, TEMPORAL_ADDRESS="127.0.0.1:1")

    assert ran.returncode == 3
    assert ran.stdout == ""
    assert "127.0.0.1:1" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_mistake_of_ours_is_one_sentence_and_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody foresaw leaves the stack trace in a file, not on the screen, and no secret in either."""
    monkeypatch.chdir(tmp_path)

    def stumble(_: object) -> None:
        raise ZeroDivisionError("client_secret=Zq8XKc0canary371Aa")

    monkeypatch.setattr("console.status.plan_name", stumble)

    assert main(["status", "contoso"], {}) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert "Traceback" not in err
    (log,) = (tmp_path / ".state").glob("starter-*.log")
    kept = log.read_text(encoding="utf-8")
    assert "in stumble" in kept
    assert "canary" not in kept + err


def test_names_that_the_terminal_cannot_print_do_not_end_a_command() -> None:
    """A plan with a name outside of ASCII prints as escapes where the terminal has only ASCII."""
    ran = run("status", "größe/", LANG="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert ran.returncode == 2
    assert "\\xf6" in ran.stderr


def test_what_the_plan_alone_makes_certain_is_told_without_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that reaches nobody still tells of a plan that cannot fit, with exit code 1; of others nothing."""
    text = (ROOT / "plans" / "contoso.yaml").read_text(encoding="utf-8")
    vms = "".join(f"      - name: vm-{number}\n" for number in range(751))
    full = text.partition("waves:")[0].replace("contoso-migration\n", "contoso-migration\n  cache_account: one\n")
    file = tmp_path / "full.yaml"
    file.write_text(f"{full}waves:\n  - name: all\n    vms:\n{vms}", encoding="utf-8")

    code = main(["check", str(file), "--json"], {"TEMPORAL_ADDRESS": "127.0.0.1:1"})

    printed = capsys.readouterr()
    [told] = json.loads(printed.out)["findings"]
    assert (1, "plan-fits", "blocking") == (code, told["rule"], told["severity"])
    assert "751 disks" in told["evidence"]
    assert "127.0.0.1:1" in printed.err
    assert 3 == main(["check", PLAN], {"TEMPORAL_ADDRESS": "127.0.0.1:1"})
