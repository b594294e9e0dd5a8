"""Runs Azure CLI commands without its start-up: a JSON list of words a line in, a JSON object a line out.

Run by the CLI's own Python. Each command goes through the CLI's entry, as its ``az`` script does it.
"""

import io
import json
import sys
from importlib import import_module

core = import_module("azure.cli.core")  # by name: the environment that checks types does not have it
answers, sys.stdout = sys.stdout, io.StringIO()
errors = sys.stderr = io.StringIO()  # one object for good: the CLI's log handlers keep the first that they see

for line in sys.stdin:
    said = io.StringIO()
    errors.seek(0)
    errors.truncate()
    try:
        code = core.get_default_cli().invoke(json.loads(line), out_file=said)
    except SystemExit as end:
        code = end.code
    answer = {"code": code or 0, "stdout": said.getvalue(), "stderr": errors.getvalue()}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
