"""The fixed scripts that ask inside a machine, as they stand in this folder.

Nothing is ever formatted into them: what they are asked comes to them as parameters of the run command.
"""

from pathlib import Path
from typing import Literal

OsType = Literal["Linux", "Windows"]
SCRIPTS: dict[str, tuple[str, str]] = {
    "Linux": ("RunShellScript", "linux.sh"),
    "Windows": ("RunPowerShellScript", "windows.ps1"),
}
"""Whether Site Recovery's agent would get out, and trust what answers."""
PROBES: dict[str, tuple[str, str]] = {
    "Linux": ("RunShellScript", "serves.sh"),
    "Windows": ("RunPowerShellScript", "serves.ps1"),
}
"""One of the user's own probes."""


def script_for(os_type: OsType, scripts: dict[str, tuple[str, str]] = SCRIPTS) -> tuple[str, list[str]]:
    """Return the run command that takes the script for a system, and the script line by line."""
    command, file = scripts[os_type]
    return command, (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
