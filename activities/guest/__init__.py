"""The fixed scripts that ask inside a machine, as they stand in this folder.

Nothing is ever formatted into them: what they are asked comes to them as parameters of the run command.
"""

from pathlib import Path
from typing import Literal

SCRIPTS: dict[str, tuple[str, str]] = {
    "Linux": ("RunShellScript", "linux.sh"),
    "Windows": ("RunPowerShellScript", "windows.ps1"),
}


def script_for(os_type: Literal["Linux", "Windows"]) -> tuple[str, list[str]]:
    """Return the run command that takes the script for a system, and the script line by line."""
    command, file = SCRIPTS[os_type]
    return command, (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
