"""Makes `.venv` from `requirements.lock`, and says in one sentence what stands in the way.

Run by `tools/setup.sh` with a Python that has the venv module. Packages come from where pip is configured to look.
Two runs at once are safe: the second waits and finds the work done. A half-made environment is made anew.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".installed"
UNFINISHED = VENV / ".unfinished"
PIP_LOG = VENV / "pip.log"
NEEDED_BYTES = 1_500_000_000

# In the order in which one hides another: a full disk also looks like a broken download.
_EXPLANATIONS = {
    r"No space left on device|Errno 28|Errno 122|Disk quota exceeded": (
        "the disk is full: free about 1.5 GB and run make again"
    ),
    r"DO NOT MATCH THE HASHES|Hashes are required": (
        "a package differs from what requirements.lock names: its source has changed it; use another package source"
    ),
    r"NewConnectionError|Timeout|Connection refused|name resolution|ProxyError|SSLError|SSLCert|No route to host"
    r"|Network is unreachable|getaddrinfo|Max retries|HTTP error [45]|[45]\d\d (Client|Server) Error": (
        "no package source can be reached: check the network, or name a reachable index in pip's configuration "
        "(pip config set global.index-url ...; PIP_INDEX_URL; HTTPS_PROXY; PIP_CERT for a private authority)"
    ),
    r"from versions: none": (
        "the package source does not have a package of requirements.lock: check the network, and the index in pip's "
        "configuration (pip config list; PIP_INDEX_URL; PIP_NO_INDEX)"
    ),
    r"No matching distribution|Could not find a version": (
        "the package source has no wheel of a version that requirements.lock names for this Python and platform: use "
        "Python 3.11 to 3.14 on Linux (glibc) or macOS, or a complete package source"
    ),
}


class SetupError(Exception):
    """What stands in the way, with the fix."""


def main() -> int:
    """Bring `.venv` up to date and return the exit code."""
    try:
        with LOCK.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            wanted = hashlib.sha256(lock.read()).hexdigest()
            if not is_current(wanted):
                build(wanted)
            STAMP.touch()
    except SetupError as error:
        print(f"make setup: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        cause = "the disk is full: free about 1.5 GB" if error.errno in {errno.ENOSPC, errno.EDQUOT} else str(error)
        print(f"make setup: {cause}; then run make again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make setup: interrupted; the next make starts it anew", file=sys.stderr)
        return 130
    return 0


def is_current(wanted: str) -> bool:
    """Whether `.venv` was finished from the lock whose digest is *wanted*, and its Python starts."""
    return STAMP.is_file() and STAMP.read_text() == wanted and not UNFINISHED.exists() and python_starts()


def build(wanted: str) -> None:
    """Make or update `.venv`; it counts as unfinished until everything is installed."""
    if VENV.exists() and (UNFINISHED.exists() or not python_starts()):
        shutil.rmtree(VENV)
    if not VENV.exists():
        require_space()
        print(f"Making .venv with Python {sys.version.split()[0]} ...", file=sys.stderr)
        VENV.mkdir()
        UNFINISHED.touch()
        create()
    UNFINISHED.touch()
    install()
    STAMP.write_text(wanted)
    UNFINISHED.unlink()


def create() -> None:
    """Create the empty environment.

    Raises:
        SetupError: this Python cannot.
    """
    try:
        venv.EnvBuilder(with_pip=True, symlinks=True).create(VENV)
    except subprocess.CalledProcessError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} cannot put pip into an environment: install its venv package "
            f"(Debian, Ubuntu: apt-get install python{version}-venv) or choose another with PYTHON="
        ) from None


def install() -> None:
    """Install exactly what the lock names, from pip's configured sources.

    Raises:
        SetupError: with the cause that pip's output shows.
    """
    packages = len(re.findall(r"^[\w.-]+==", LOCK.read_text(), flags=re.MULTILINE))
    print(f"Installing {packages} packages from requirements.lock (once; a minute or two) ...", file=sys.stderr)
    command = [
        *(str(VENV / "bin/python"), "-I", "-m", "pip", "install", "--require-virtualenv", "--require-hashes"),
        *("--no-deps", "--only-binary", ":all:", "--no-input", "--disable-pip-version-check"),
        *("--progress-bar", "off", "--requirement", str(LOCK)),
    ]
    with PIP_LOG.open("w") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=pip_environment(), check=False)
    if done.returncode:
        raise SetupError(explain(PIP_LOG.read_text(errors="replace")))
    PIP_LOG.unlink()


def pip_environment() -> dict[str, str]:
    """Return the shell's environment, which configures pip, without what would install elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}}
    return {"PIP_RETRIES": "2", **kept, "PIP_USER": "0"}


def explain(output: str) -> str:
    """Return one sentence with the fix for pip's *output*."""
    for pattern, sentence in _EXPLANATIONS.items():
        if re.search(pattern, output):
            return sentence
    errors = re.findall(r"^ERROR: (.+)$", output, flags=re.MULTILINE)
    return f"pip stopped: {errors[-1] if errors else 'no reason given'}; its output is in {PIP_LOG.relative_to(ROOT)}"


def require_space() -> None:
    """Check that the packages will fit.

    Raises:
        SetupError: they will not.
    """
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED_BYTES:
        raise SetupError(
            f"the disk has {free / 1e9:.1f} GB left, about 1.5 GB are needed: free some and run make again"
        )


def python_starts() -> bool:
    """Whether the environment's Python runs, is new enough and has pip."""
    probe = "import sys, pip; sys.exit(0 if sys.version_info >= (3, 11) else 1)"
    try:
        done = subprocess.run([VENV / "bin/python", "-I", "-c", probe], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
