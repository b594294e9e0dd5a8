"""Reads a plan file and says of everything wrong in it: file, line, field, what is wrong, what would be right."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from migration import checks, plan_vaults
from migration.errors import MOST_SHOWN, InvalidPlanError, PathStep, PlanFileError, PlanProblem
from migration.plan import Plan
from migration.plan_secrets import secrets_in
from migration.plan_words import explain, path_text
from migration.waves import refuse_bad_order
from migration.yaml_tree import Flaw, Tree, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

MAX_FILE_BYTES = 8_000_000

_Path = tuple[PathStep, ...]


def load_plan(path: str | Path) -> Plan:
    """Return the plan that the file at *path* holds, YAML or JSON.

    Raises:
        PlanFileError: The file cannot be used; all its mistakes at once.
    """
    return parse_plan(_read(Path(path)), str(path))


def parse_plan(text: str, file: str) -> Plan:
    """Return the plan that *text* holds; *file* is what messages call it.

    Raises:
        PlanFileError: The text is no usable plan; all its mistakes at once.
    """
    tree = _tree(text, file)
    problems = [_problem(file, flaw) for flaw in tree.flaws]
    if tree.data is None or not isinstance(tree.data, dict):
        problems = problems or [_whole(file, "the file holds no plan", "begin with version: 1, one key a line")]
        raise PlanFileError(problems)
    try:
        plan = Plan.model_validate(tree.data, strict=True)
    except ValidationError as error:
        problems += _model_problems(file, tree, error.errors(include_url=False))
    told = {problem.field for problem in problems}
    secrets = (_cross_problem(file, tree, secret) for secret in secrets_in(tree.data))
    problems += [secret for secret in secrets if secret.field not in told]
    if problems:
        raise PlanFileError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
    return plan


def places_of_vms(path: str | Path) -> dict[str, int]:
    """Return the line in which each virtual machine of a plan file stands, by its name in the plan."""
    tree = _tree(_read(Path(path)), str(path))
    rows = [
        (("waves", w, "vms", v, "name"), _name(vm))
        for w, wave in enumerate((tree.data or {}).get("waves") or [])
        for v, vm in enumerate(_vms(wave))
    ]
    return {name: tree.place(row).line for row, name in rows}


def _read(path: Path) -> str:
    file = str(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise PlanFileError([_whole(file, "this is a directory", "give a plan file in it")])
        if not stat.S_ISREG(found.st_mode):
            raise PlanFileError([_whole(file, "this is no regular file", "save the plan to a file first")])
        if found.st_size > MAX_FILE_BYTES:
            size = f"{found.st_size / 1_000_000:.1f} MB"
            fix = f"a plan is smaller than {MAX_FILE_BYTES // 1_000_000} MB"
            raise PlanFileError([_whole(file, f"{size} are too much for a plan", fix)])
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise PlanFileError([_whole(file, "there is no such file", _neighbours(path))]) from None
    except PermissionError:
        raise PlanFileError(
            [_whole(file, "the file may not be read", f"let your user read it: chmod u+r {file}")]
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PlanFileError(
            [PlanProblem(file, line, 1, "", "the file is not UTF-8", "save it as UTF-8 text")]
        ) from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise PlanFileError([_whole(file, f"the file cannot be read ({cause})", "check its path")]) from None


def _neighbours(path: Path) -> str:
    folder = path.parent
    plans = sorted(file for file in folder.glob("*.y*ml") if _looks_like_a_plan(file)) if folder.is_dir() else []
    return f"plans there: {', '.join(plan.name for plan in plans[:8])}" if plans else "check its path"


def _looks_like_a_plan(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as text:
            return "\nwaves:" in text.read(MAX_FILE_BYTES)
    except (OSError, UnicodeDecodeError):
        return False


def _tree(text: str, file: str) -> Tree:
    if not file.lower().endswith(".json"):
        return read_yaml(text)
    try:
        json.loads(text, parse_int=str)  # the conversion of thousands of digits would be refused
    except RecursionError:
        raise PlanFileError([_whole(file, "values are nested too deep", "a plan is at most 10 deep")]) from None
    except json.JSONDecodeError as error:
        fix = "see docs/plan.schema.json; an editor shows the place"
        problem = PlanProblem(file, error.lineno, error.colno, "", f"this is no JSON: {error.msg.lower()}", fix)
        raise PlanFileError([problem]) from None
    # JSON is YAML but for tabs between its tokens (inside strings they are escaped) and pairs of \u escapes.
    tree = read_yaml(text.replace("\t", " "))
    tree.data = _joined_surrogates(tree.data)
    return tree


def _joined_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_joined_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_joined_surrogates(key): _joined_surrogates(item) for key, item in value.items()}
    return value


def _model_problems(file: str, tree: Tree, errors: list[ErrorDetails]) -> list[PlanProblem]:
    flawed = {flaw.path for flaw in tree.flaws}
    told = [error for error in errors if tuple(error["loc"]) not in flawed]
    # One more than is shown: to look for what was meant takes a millisecond each.
    problems = [_model_problem(file, tree, error) for error in told[: MOST_SHOWN + 1]]
    if all(error["loc"] for error in errors):
        # The model compares fields with each other only once each is right by itself; a person wants all at once.
        problems += [_cross_problem(file, tree, cross) for cross in _contradictions(tree.data)]
    return problems


def _model_problem(file: str, tree: Tree, error: ErrorDetails) -> PlanProblem:
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidPlanError):
        return _cross_problem(file, tree, cause)
    path = tuple(step for step in error["loc"] if step != "[key]")
    message, fix = explain(error)
    # A missing key is told where its section begins; an unknown one where it stands.
    section = path[:-1] if error["type"] == "missing" else path
    place = tree.place(section, prefer_key=error["type"] in {"missing", "extra_forbidden"})
    return PlanProblem(file, place.line, place.column, path_text(path), message, fix)


def _cross_problem(file: str, tree: Tree, error: InvalidPlanError) -> PlanProblem:
    path, other = _in_the_file(tree.data, error.path), _in_the_file(tree.data, error.other)
    message = error.problem
    if other:
        message += f", first in line {tree.place(other).line}"
    place = tree.place(path, prefer_key=path == ("waves",))
    return PlanProblem(file, place.line, place.column, path_text(path), message, error.fix)


def _in_the_file(data: dict[str, Any], path: _Path) -> _Path:
    """Return the path in the file of a place that counts all virtual machines, or all waves, in one row."""
    match path:
        case ("wave", int(index)):
            return ("waves", index, "name")
        case (str(), int(index)):
            rows = [("waves", w, "vms", v) for w, wave in enumerate(data["waves"]) for v, _ in enumerate(_vms(wave))]
            return (*rows[index], "name")
        case _:
            return path


def _contradictions(data: dict[str, Any]) -> list[InvalidPlanError]:
    source, target = _region(data.get("source")), _region(data.get("target"))
    listed = data["vaults"] if isinstance(data.get("vaults"), list) else []
    vaults: list[tuple[_Path, object]] = [(("vault",), data.get("vault"))]
    vaults += [(("vaults", index), vault) for index, vault in enumerate(listed)]
    waves = data["waves"] if isinstance(data.get("waves"), list) else []
    vms = [vm for wave in waves for vm in _vms(wave)]
    found = [
        _refusal(checks.not_too_many, [_name(vm) for vm in vms]),
        _refusal(checks.unique, "wave", [_name(wave) or f"/{n}" for n, wave in enumerate(waves)]),
        _refusal(refuse_bad_order, [(_name(wave), _after(wave)) for wave in waves]),
        _refusal(checks.unique, "virtual machine", [_name(vm) or f"/{n}" for n, vm in enumerate(vms)]),
        _refusal(checks.waivers, _waivers(data.get("waivers")), [_name(vm) for vm in vms]),
    ]
    found.append(_refusal(plan_vaults.refuse_none_or_both, data.get("vault"), data.get("vaults")))
    if source and target:
        found.append(_refusal(checks.differing_regions, source, target))
        found += [_refusal(plan_vaults.refuse_region, _region(vault), source, target, path) for path, vault in vaults]
    return [error for error in found if error is not None]


def _refusal(check: Callable[..., None], *values: object) -> InvalidPlanError | None:
    try:
        check(*values)
    except InvalidPlanError as error:
        return error
    return None


def _region(section: object) -> str:
    region = section.get("region") if isinstance(section, dict) else None
    return region if isinstance(region, str) else ""


def _vms(wave: object) -> list[Any]:
    vms = wave.get("vms") if isinstance(wave, dict) else None
    return vms if isinstance(vms, list) else []


def _after(wave: object) -> list[str] | None:
    """Return what a wave says in `after`; what is no list of names is told elsewhere."""
    after = wave.get("after") if isinstance(wave, dict) else None
    return after if isinstance(after, list) and all(isinstance(name, str) for name in after) else None


def _waivers(entries: object) -> list[tuple[str, str | None]]:
    """Return rule and virtual machine of each waiver; what is no text is told elsewhere."""
    found: list[tuple[str, str | None]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        rule, vm = (entry.get("rule"), entry.get("vm")) if isinstance(entry, dict) else (None, None)
        found.append((rule if isinstance(rule, str) else f"/{index}", vm if isinstance(vm, str) else None))
    return found


def _name(entry: object) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else ""


def _problem(file: str, flaw: Flaw) -> PlanProblem:
    return PlanProblem(file, flaw.place.line, flaw.place.column, path_text(flaw.path), flaw.message, flaw.fix)


def _whole(file: str, message: str, fix: str) -> PlanProblem:
    return PlanProblem(file, 0, 0, "", message, fix)
