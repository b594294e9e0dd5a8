#!/bin/sh
# Finds a Python that can build .venv and hands over to tools/setup.py. PYTHON=/path/to/python chooses one.
set -u
cd "$(dirname "$0")/.." || exit 1

is_new_enough='import sys; sys.exit(0 if sys.version_info >= (3, 11) else 1)'
is_tested='import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else 1)'
has_venv='import ensurepip, venv'
newest=''

for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 python3.14 python; do
    check=$is_tested
    [ "$candidate" = "${PYTHON:-}" ] && check=$is_new_enough
    if "$candidate" -I -c "$check" >/dev/null 2>&1; then
        if "$candidate" -I -c "$has_venv" >/dev/null 2>&1; then
            exec "$candidate" -I tools/setup.py
        fi
        newest=${newest:-$candidate}
    elif [ "$candidate" = "${PYTHON:-}" ]; then
        echo "make setup: PYTHON=$PYTHON is not a Python 3.11 or later that starts: give the path of one, as in make setup PYTHON=/usr/bin/python3.12" >&2
        exit 1
    fi
done

if [ -n "$newest" ]; then
    version=$("$newest" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "make setup: $newest (Python $version) lacks the venv module: install it (Debian, Ubuntu: apt-get install python$version-venv) and run make again" >&2
else
    found=$(python3 -I -c 'import sys; print("python3 here is %d.%d" % sys.version_info[:2])' 2>/dev/null || echo "there is no python3 here")
    echo "make setup: Python 3.11 or later is needed and $found: install one, or say where it is with make setup PYTHON=/path/to/python3.12" >&2
fi
exit 1
