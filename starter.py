#!/usr/bin/env python3
"""The command line: `python starter.py --help`."""

import os
import sys

from console.main import leave, main

if __name__ == "__main__":
    leave(main(sys.argv[1:], os.environ))
