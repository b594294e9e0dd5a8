"""``python -m simulator.estates``: import, export and generate estates, save and load a whole state."""

from __future__ import annotations

import argparse
import json
import logging
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import seeds
from simulator.estates import exporting, generating, importing, saving
from simulator.resources.locations import location_name
from simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Sequence

EPILOG = """examples:
  az vm list -d > vms.json; az disk list > disks.json; az network nic list > nics.json
  python -m simulator.estates import vms.json disks.json nics.json -o mine.estate.json
  python -m simulator.estates export .state/simulator -o now.estate.json
  python -m simulator.estates generate 500 --number 7 --region westeurope --region uksouth -o big.estate.json
  python -m simulator.estates save .state/simulator before.zip; python -m simulator.estates load before.zip again
then: python -m simulator --seed mine.estate.json, or --state-dir again
"""
WRONG_INPUT = 2


class InputError(ValueError):
    """An input that cannot be used; the message is one line."""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulator.estates",
        description="Estates as files, for the simulator's --seed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    importer = commands.add_parser("import", help="make a seed of what Azure's tools print")
    importer.add_argument("files", nargs="+", type=Path, help="JSON of az ... list, az rest or az graph query")
    exporter = commands.add_parser("export", help="write the estate of a simulator's state folder as a seed")
    exporter.add_argument("state_dir", type=Path)
    generator = commands.add_parser("generate", help="make an estate; the same number gives the same one")
    generator.add_argument("machines", type=int, help=f"1 to {generating.MOST_MACHINES}")
    generator.add_argument("--number", type=int, default=1, help="what the estate follows from (default 1)")
    generator.add_argument("--region", action="append", help="a region; may be given several times")
    saver = commands.add_parser("save", help="save the whole state of a simulator, keys and jobs and all, as a file")
    saver.add_argument("state_dir", type=Path)
    saver.add_argument("file", type=Path)
    loader = commands.add_parser("load", help="make a state folder of a saved file, for --state-dir")
    loader.add_argument("file", type=Path)
    loader.add_argument("state_dir", type=Path)
    for command in (importer, exporter, generator):
        command.add_argument("-o", "--output", type=Path, help="the file to write (default: stdout)")
    return parser.parse_args(argv)


def _import(arguments: argparse.Namespace) -> dict[str, Any]:
    imported = importing.read({str(file): file.read_text(encoding="utf-8-sig") for file in arguments.files})
    for note in [*imported.notes, *imported.hints]:
        sys.stderr.write(f"{note}\n")
    sys.stderr.write(f"{len(imported.resources)} resources taken, {len(imported.notes)} notes\n")
    _try(imported.seed)
    return imported.seed


def _try(seed: dict[str, Any]) -> None:
    """Load the seed once, so that what is wrong with it is said here."""
    with tempfile.TemporaryDirectory(prefix="simulator-import-") as scratch:
        world = World(Path(scratch))
        try:
            seeds.found(world, json.dumps(seed, indent=1), "the estate")
        finally:
            world.database.close()


def _generate(arguments: argparse.Namespace) -> dict[str, Any]:
    if not 1 <= arguments.machines <= generating.MOST_MACHINES:
        message = f"machines: give a number from 1 to {generating.MOST_MACHINES}"
        raise InputError(message)
    regions = [(text, location_name(text)) for text in arguments.region or ["westeurope"]]
    for text, region in regions:
        if region is None:
            message = f"--region: '{text}' is no Azure region; give a name such as westeurope"
            raise InputError(message)
    return generating.seed_of(arguments.machines, arguments.number, [str(region) for _, region in regions])


def _write_seed(arguments: argparse.Namespace) -> None:
    if arguments.command == "import":
        seed = _import(arguments)
    elif arguments.command == "export":
        seed = exporting.from_state(arguments.state_dir)
    else:
        seed = _generate(arguments)
    text = json.dumps(seed, ensure_ascii=False, indent=1) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        arguments.output.write_text(text, encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code: 0, or 2 where the input cannot be used."""
    arguments = _arguments(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        if arguments.command == "save":
            saving.save(arguments.state_dir, arguments.file)
        elif arguments.command == "load":
            saving.load(arguments.file, arguments.state_dir)
        else:
            _write_seed(arguments)
    except (InputError, saving.StateError, seeds.SeedError, OSError, UnicodeDecodeError, sqlite3.Error) as problem:
        sys.stderr.write(f"{arguments.command}: {problem}\n")
        return WRONG_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
