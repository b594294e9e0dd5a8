#!/bin/sh
# Writes requirements.lock: one file for all platforms and Pythons, with hashes and without an index address.
# Versions that are locked already stay, unless UPGRADE is set.
set -eu
cd "$(dirname "$0")/.."
command -v "${UV:-uv}" >/dev/null || {
    echo "make lock: uv is needed and was not found: install it (pipx install uv), or say where it is with UV=" >&2
    exit 1
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp requirements.lock "$folder/locked"
"${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
    --no-emit-index-url --no-emit-find-links --group dev --output-file "$folder/locked" ${UPGRADE:+--upgrade} \
    pyproject.toml >/dev/null
{
    echo "# Every package with its hashes, for Linux and macOS on x86-64 and arm64, Python 3.11 and later."
    echo "# Made by \`make lock\` from pyproject.toml; do not edit."
    cat "$folder/locked"
} >"$folder/whole"
cat "$folder/whole" >requirements.lock
