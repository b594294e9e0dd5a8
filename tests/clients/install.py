"""Installs clients that are not of `.venv`, each into an environment of its own: `make clients`.

`.clients/az` is the Azure CLI from `az.lock`, `.clients/js` the JavaScript SDK from `js/package-lock.json`; packages
come from where pip and npm are configured to look. `python -m tests.clients.install lock` renews the CLI's lock.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".clients"
AZ_LOCK = HERE / "az.lock"
AZ = FOLDER / "az" / "bin" / "az"
JS_FILES = (HERE / "js" / "package.json", HERE / "js" / "package-lock.json")
JS = FOLDER / "js"
HEAD = """\
# The Azure CLI with hashes, for an environment of its own (.clients/az).
# Made by `python -m tests.clients.install lock` from az.in; do not edit.
"""


class InstallError(Exception):
    """What stands in the way, with the fix."""


@dataclass(frozen=True)
class Client:
    """A client: its name, the files that lock it, what shows that it is there, and how it is made."""

    name: str
    locks: tuple[Path, ...]
    program: Path
    make: Callable[[], None]

    @property
    def folder(self) -> Path:
        """Its environment."""
        return FOLDER / self.name

    def ensure(self) -> Path:
        """Make the environment unless it is there from the same locks; its program or package."""
        stamp = self.folder / ".installed"
        wanted = sha256(b"".join(lock.read_bytes() for lock in self.locks)).hexdigest()
        if not (stamp.exists() and self.program.exists() and stamp.read_text(encoding="utf-8") == wanted):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.make()
            stamp.write_text(wanted, encoding="utf-8")
        return self.program


def make_az() -> None:
    """Put the Azure CLI into ``.clients/az``, as fast as pip can."""
    venv.create(FOLDER / "az", with_pip=True)
    # The lock is whole and most of it is never imported: no resolving, and Python compiles what az uses when it does.
    install = ["install", "--require-hashes", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    quietly = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    pip = [str(FOLDER / "az" / "bin" / "python"), "-I", "-m", "pip"]
    run("the Azure CLI", [*pip, *install, *quietly, "--requirement", str(AZ_LOCK)], FOLDER)


def make_js() -> None:
    """Put the JavaScript SDK into ``.clients/js``."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise InstallError("the JavaScript SDK needs node 20 or later with npm: install it (Debian: nodejs, npm)")
    JS.mkdir(parents=True)
    for file in JS_FILES:
        shutil.copy(file, JS)
    run("the JavaScript SDK", [npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], JS)


def run(what: str, command: list[str], folder: Path) -> None:
    """Run an installer; InstallError with its last words where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line.lower()]
        raise InstallError(f"{what}: {' '.join(words[-3:]) or 'no reason given'}")


CLIENTS = (
    Client("az", (AZ_LOCK,), AZ, make_az),
    Client("js", JS_FILES, JS / "node_modules" / "@azure" / "arm-recoveryservices-siterecovery", make_js),
)


def install() -> list[str]:
    """Bring every environment up to date, both at once; what stood in the way."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    problems = []
    with (FOLDER / ".gitignore").open() as lock, ThreadPoolExecutor() as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for made in [threads.submit(client.ensure) for client in CLIENTS]:
            try:
                sys.stdout.write(f"{made.result()}\n")
            except (InstallError, OSError, subprocess.CalledProcessError) as problem:
                problems.append(str(problem))
    return problems


def lock_az() -> None:
    """Write the CLI's lock anew from ``az.in``: for all platforms, with hashes, without an index address (needs uv)."""
    uv = os.environ.get("UV", "uv")
    options = ["--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
    hidden = ["--no-header", "--no-emit-index-url", "--no-emit-find-links"]
    command = [uv, "pip", "compile", *options, *hidden, str(HERE / "az.in")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    AZ_LOCK.write_text(HEAD + done.stdout, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run a command; the exit code."""
    if arguments == ["lock"]:
        lock_az()
        return 0
    if arguments:
        sys.stderr.write("usage: python -m tests.clients.install [lock]\n")
        return 2
    problems = install()
    for problem in problems:
        sys.stderr.write(f"make clients: installing {problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
