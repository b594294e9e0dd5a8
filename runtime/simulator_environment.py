"""`python -m simulator ... | python -m runtime.simulator_environment FILE`: the ready line as a file for a shell.

For containers, where the simulator and the worker share a volume; the embedded stack writes `.state/env` itself.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path


def azure_variables(ready: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that lead Azure's tools to the simulator whose ready line is *ready*."""
    return {
        "AZURE_TENANT_ID": ready["tenant_id"],
        "AZURE_CLIENT_ID": ready["client_id"],
        "AZURE_CLIENT_SECRET": ready["client_secret"],
        "AZURE_SUBSCRIPTION_ID": ready["subscription_id"],
        "AZURE_AUTHORITY_HOST": ready["endpoint"],
        "AZURE_RESOURCE_MANAGER_ENDPOINT": ready["endpoint"],
        "AZURE_CA_BUNDLE": ready["ca_file"],
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "REQUESTS_CA_BUNDLE": ready["ca_file"],
        "SIMULATOR_ENDPOINT": ready["endpoint"],
    }


def shell_lines(variables: Mapping[str, str]) -> str:
    """Return lines that a POSIX shell can read, each value in single quotes."""
    quoted = {name: value.replace("'", "'\"'\"'") for name, value in variables.items()}
    return "".join(f"export {name}='{value}'\n" for name, value in sorted(quoted.items()))


def write_whole(file: Path, text: str, mode: int = 0o644) -> None:
    """Write *file* so that a reader sees the old one or the new one, never a part."""
    whole = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    whole.replace(file)


def main(file: str) -> int:
    """Write *file* from the first line of standard input, then read on so that the simulator can speak."""
    first = sys.stdin.readline()
    if not first:
        return 1
    write_whole(Path(file), shell_lines(azure_variables(json.loads(first))), mode=0o600)
    for _ in sys.stdin:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
