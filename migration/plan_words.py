"""Turns what the model finds wrong with a plan into sentences: what is wrong, what would be right."""

from __future__ import annotations

import difflib
import types
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from migration.errors import InvalidValueError, PathStep
from migration.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

Path = tuple[PathStep, ...]
_LONGEST_STEP = 60

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}


def path_text(path: Path) -> str:
    """Return a path as a plan's reader thinks of it: `waves[0].vms[1].target.size`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.replace("_", "").isalnum() and len(step) <= _LONGEST_STEP:
            text += f".{step}" if text else step
        else:
            text += f'["{step[:_LONGEST_STEP]}"]'
    return text


def explain(error: ErrorDetails) -> tuple[str, str]:
    """Return what is wrong and what would be right, in words without the model's jargon."""
    kind = error["type"]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        return cause.problem, cause.fix
    if isinstance(cause, ValueError):
        problem, _, fix = str(cause).partition(": ")
        return problem, fix
    if kind == "missing":
        return "the key is missing", _missing_fix(error["loc"])
    if kind == "extra_forbidden":
        return "there is no such key", _nearest_key(error["loc"])
    if kind in _EXPECTED:
        return _wrong_kind(_EXPECTED[kind], error["input"])
    return _out_of_range(error)


def _wrong_kind(expected: str, given: object) -> tuple[str, str]:
    if given is None:
        return "it has no value", f"give it {expected}"
    fix = f"write {expected}"
    if expected == "text" and isinstance(given, bool | int):
        shown = str(given).lower() if isinstance(given, bool) else str(given)
        fix = f'put it in quotes: "{shown}"'
    elif isinstance(given, str) and expected in {"a whole number", "true or false"}:
        fix = f"write {expected}, without quotes"
    return f"it should be {expected}, not {_kind_of(given)}", fix


def _out_of_range(error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        return _no_choice(str(context["expected"]), error["input"])
    if kind == "greater_than_equal":
        return f"{error['input']} is too small", f"write {context['ge']} or more"
    if kind == "less_than_equal":
        return f"{error['input']} is too large", f"write {context['le']} or less"
    if kind == "too_short":
        return "the list is empty", "name at least one"
    return "the value does not fit", "see docs/plan.schema.json"


def _no_choice(expected: str, given: object) -> tuple[str, str]:
    if isinstance(given, str) and "'" not in expected:
        return f"it should be a number, not {_kind_of(given)}", f"write {expected}, without quotes"
    choices = expected.replace("'", "")
    words = [word.strip() for part in choices.split(" or ") for word in part.split(",")]
    near = difflib.get_close_matches(str(given), words, n=1, cutoff=0.6)
    problem = "it has no value" if given is None else f"{_short(given)} is not one of the choices"
    hint = f" (did you mean {near[0]}?)" if near and near[0] != str(given) else ""
    return problem, f"write {choices}{hint}"


def _nearest_key(path: Path) -> str:
    key = str(path[-1])
    known = _keys_at(path[:-1])
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    meant = next(iter(difflib.get_close_matches(key.lower(), {name for _, name in _known()}, n=1, cutoff=0.75)), None)
    homes = [path_text(home) for home, name in _known() if name == meant and home]
    if homes:
        hint = "" if meant == key else f"did you mean {meant}? "
        return f"{hint}{meant} belongs under {' or '.join(homes)}"
    return f"the keys here are {', '.join(known)}"


def _missing_fix(path: Path) -> str:
    model = _model_at(path[:-1])
    described = _fields(model)[str(path[-1])].description if model else None
    return f"add {path[-1]}:" + (f" ({described.rstrip('.')})" if described else "")


def _keys_at(path: Path) -> list[str]:
    model = _model_at(path)
    return list(_fields(model)) if model else []


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by their keys in a plan."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(path: Path) -> type[BaseModel] | None:
    found: Any = Plan
    for step in path:
        if isinstance(step, str):
            model = _model_in(found)
            if model is None or step not in _fields(model):
                return None
            found = _fields(model)[step].annotation
        else:
            found = next(iter(get_args(_plain(found))), None)
    return _model_in(found)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _plain(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return _plain(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _known(model: type[BaseModel] = Plan, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each key of a plan with where it belongs; lists are left out of the path: `waves.vms.target`."""
    for name, field in _fields(model).items():
        yield path, name
        plain = _plain(field.annotation)
        inner = _model_in(get_args(plain)[0]) if get_origin(plain) is list else _model_in(plain)
        if inner is not None:
            yield from _known(inner, (*path, name))


def _kind_of(given: object) -> str:
    kinds = {bool: "true or false", int: "a number", str: "text", list: "a list", dict: "keys with values"}
    kind = kinds.get(type(given), "that")
    return f"{kind} ({_short(given)})" if isinstance(given, bool | int | str) else kind


def _short(given: object) -> str:
    text = str(given).lower() if isinstance(given, bool) else str(given)
    return text if len(text) <= 60 else text[:57] + "..."
