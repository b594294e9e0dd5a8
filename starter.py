#!/usr/bin/env python3
"""The command line: `python starter.py --help`."""

import os
import sys

try:
    from console.main import leave, main
except ModuleNotFoundError as error:
    sys.stderr.write(
        f"starting starter.py: {sys.executable} has no module {error.name}; run `make setup`, then "
        ".venv/bin/python starter.py\n"
    )
    sys.exit(2)

if __name__ == "__main__":
    leave(main(sys.argv[1:], os.environ))
