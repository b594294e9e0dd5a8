"""The set-up: what the Makefile, the lock and the import rules promise in a fresh clone."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

OURS = ("activities", "arm", "console", "migration", "runtime", "simulator", "workflows")
MAY_READ_ENVIRONMENT = {"worker.py", "starter.py", "runtime/codec.py", "runtime/embedded.py"}


@pytest.fixture
def fresh_clone(tmp_path: Path, root: Path) -> Path:
    """Return a clone without an environment, in a folder with a space and a letter that is not ASCII."""
    clone = tmp_path / "frischer Klön"
    for name in ("tools", "Makefile", "requirements.lock", "pyproject.toml"):
        source = root / name
        (shutil.copytree if source.is_dir() else _copy)(source, clone / name)
    return clone


@pytest.fixture
def setup_module(root: Path) -> ModuleType:
    """Return tools/setup.py, which is a script."""
    spec = importlib.util.spec_from_file_location("setup_script", root / "tools/setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _make(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=clone, env=os.environ | environment, capture_output=True, text=True, check=False
    )


def _python_files(root: Path) -> Iterator[Path]:
    for package in OURS:
        yield from (root / package).rglob("*.py")
    yield from (root / name for name in ("worker.py", "starter.py") if (root / name).exists())


def test_make_alone_lists_the_targets(fresh_clone: Path) -> None:
    """Without making an environment first."""
    done = _make(fresh_clone)

    assert 0 == done.returncode
    assert {"setup", "demo", "up", "clients", "test", "check", "clean"} <= set(
        re.findall(r"^make (\w+)", done.stdout, re.MULTILINE)
    )
    assert not (fresh_clone / ".venv").exists()


def test_no_python_that_is_new_enough(fresh_clone: Path, tmp_path: Path) -> None:
    """One sentence says what is needed and how to name it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text(
        '#!/bin/sh\ncase "$*" in *%d.%d*) echo "python3 here is 3.9" ;; *) exit 1 ;; esac\n'
    )
    (programs / "python3").chmod(0o755)
    for name in ("sh", "make", "awk", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))

    done = _make(fresh_clone, "setup", PATH=str(programs), PYTHON="")

    assert 0 != done.returncode
    assert "make setup: Python 3.11 or later is needed and python3 here is 3.9: install one, or say" in done.stderr


def test_a_python_without_venv(fresh_clone: Path, tmp_path: Path) -> None:
    """Debian ships Python without its venv module."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python3"
    python.write_text(f'#!/bin/sh\ncase "$*" in\n*ensurepip*) exit 1 ;;\n*) exec "{sys.executable}" "$@" ;;\nesac\n')
    python.chmod(0o755)
    for name in ("sh", "make", "awk", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))

    done = _make(fresh_clone, "setup", PATH=str(programs), PYTHON="")

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert 0 != done.returncode
    assert f"lacks the venv module: install it (Debian, Ubuntu: apt-get install python{version}-venv)" in done.stderr


def test_a_python_that_was_named_and_is_none(fresh_clone: Path) -> None:
    """PYTHON= is believed, or said to be wrong."""
    done = _make(fresh_clone, "setup", "PYTHON=/nowhere/python3")

    assert 0 != done.returncode
    assert "make setup: PYTHON=/nowhere/python3 is not a Python 3.11 or later that starts" in done.stderr


def test_no_package_source(fresh_clone: Path) -> None:
    """One sentence instead of pip's retries; the next make starts anew from the half-made environment."""
    offline = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1",
        "PIP_NO_CACHE_DIR": "1",
        "HTTP_PROXY": "",
        "http_proxy": "",
    }

    done = _make(fresh_clone, "setup", f"PYTHON={sys.executable}", **offline)

    assert 0 != done.returncode
    assert "make setup: no package source can be reached: check the network, or name a reachable index" in done.stderr
    assert "Traceback" not in done.stderr
    assert (fresh_clone / ".venv/.unfinished").exists()
    assert not (fresh_clone / ".venv/.installed").exists()


@pytest.mark.parametrize(("failing", "code"), [("none", 0), ("check", 3), ("chaos", 4), ("test", 5)])
def test_ci_runs_every_part_and_ends_with_the_first_failure(
    tmp_path: Path, root: Path, failing: str, code: int
) -> None:
    """A lint finding does not hide what the tests say."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "make").write_text(
        '#!/bin/sh\necho "$1 chromium=$REQUIRE_CHROMIUM clients=$REQUIRE_CLIENTS faketime=$REQUIRE_FAKETIME"\n'
        f'[ "$1" = {failing} ] && exit {code}\nexit 0\n'
    )
    for name in ("chromium", "faketime"):
        (programs / name).write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        program.chmod(0o755)

    done = subprocess.run(
        [root / ".ci/run"],
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert code == done.returncode
    expected = [f"{part} chromium=1 clients=1 faketime=1" for part in ("setup", "check", "clients", "chaos", "test")]
    assert expected == re.findall(r"^\w+ chromium=.*$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "no package source can be reached"),
        ("ERROR: HTTP error 403 while getting x", "no package source can be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "a package differs from what requirements.lock names"),
        ("ERROR: Could not find a version (from versions: none)", "the package source does not have a package"),
        ("ERROR: Could not find a version (from versions: 1.0)", "the package source has no wheel"),
        ("ERROR: something else", "pip stopped: something else"),
    ],
)
def test_what_pip_says_is_explained(setup_module: ModuleType, output: str, beginning: str) -> None:
    """A person needs the fix, not pip's output."""
    assert setup_module.explain(output).startswith(beginning)


def test_a_full_disk_is_told_before_anything_is_made(setup_module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment needs about 1.5 GB."""
    monkeypatch.setattr(setup_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2, 1, 400_000_000))

    with pytest.raises(setup_module.SetupError, match=r"the disk has 0\.4 GB left, about 1\.5 GB are needed"):
        setup_module.require_space()


def test_an_unfinished_environment_does_not_count(
    setup_module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted set-up is made anew, whatever its stamp says."""
    for name, file in (("STAMP", ".installed"), ("UNFINISHED", ".unfinished")):
        monkeypatch.setattr(setup_module, name, tmp_path / file)
    monkeypatch.setattr(setup_module, "python_starts", lambda: True)
    (tmp_path / ".installed").write_text("digest")

    finished = setup_module.is_current("digest")
    (tmp_path / ".unfinished").touch()

    assert finished
    assert not setup_module.is_current("digest")
    assert not setup_module.is_current("another digest")


def test_the_lock_holds_every_direct_dependency_with_hashes(root: Path) -> None:
    """And no address of a package index."""
    lock = (root / "requirements.lock").read_text()
    project = tomllib.loads((root / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = {str(re.split(r"[\[<>=]", entry)[0]).replace("_", "-").lower() for entry in wanted}
    # Some packages are there once for each range of Pythons.
    locked = [
        name for name, _ in re.findall(r"^([\w.-]+)==[^\n]*\\\n((?:    --hash=\S+(?: \\)?\n)+)", lock, re.MULTILINE)
    ]

    assert set() == names - set(locked)
    assert len(re.findall(r"^[\w.-]+==", lock, re.MULTILINE)) == len(locked)
    assert "://" not in lock


def test_only_the_entries_read_the_environment(root: Path) -> None:
    """Everything else gets settings, so that a test can say what a process would have been told."""
    readers = {
        file.relative_to(root).as_posix()
        for file in _python_files(root)
        for node in ast.walk(ast.parse(file.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {"environ", "getenv"} & {a.name for a in node.names}
        )
    }

    assert set() == readers - MAY_READ_ENVIRONMENT


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("worker.py", {"activities", "arm", "migration", "runtime", "workflows"}),
        ("starter.py", {"console", "migration", "runtime"}),
    ],
)
def test_the_entries_import_one_way(root: Path, entry: str, allowed: set[str]) -> None:
    """import-linter reads packages only, so the two root files are held here."""
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse((root / entry).read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported & set(OURS) <= allowed


def test_modules_stay_small(root: Path) -> None:
    """Four hundred lines are the reason to split a module."""
    long = {
        file.relative_to(root).as_posix(): count
        for file in _python_files(root)
        if (count := len(file.read_text().splitlines())) > 400
    }

    assert {} == long


def test_no_root_folder_hides_the_sdk(root: Path) -> None:
    """A folder named azure would be imported instead of it."""
    assert not (root / "azure").exists()
