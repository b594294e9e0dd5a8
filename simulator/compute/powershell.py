"""A small PowerShell: enough of it to run the scripts with which people look into a Windows machine.

It knows comments, strings with `$variables`, assignments, `;`, pipelines to `Select-Object`, `ConvertTo-Json`,
`Format-List`, `Where-Object` (let through) and `Out-*`, `.Property` of what a command gives, and `foreach`, and the
commands of `windows_commands.py`. What it does not know is an error on stderr, as in PowerShell; the script goes on.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from simulator.compute.shell import Machine, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[["PowerShell", list[str], dict[str, str]], Any]

SWITCHES = {"-usebasicparsing", "-quiet", "-nonewline", "-force", "-recurse"}
_WORD = re.compile(r"""'[^']*'|"[^"]*"|\((?:[^()]|\([^()]*\))*\)|@?\{[^}]*\}|[^\s'"()]+""")
_VARIABLE = re.compile(r"\$\(([^()]*(?:\([^()]*\))?[^()]*)\)|\$(env:\w+|\w+(?:\.\w+)*)", re.IGNORECASE)


class CommandError(Exception):
    """What a command writes to the error stream."""


class ExitError(Exception):
    """A script that ends itself, with its exit code and what it printed until then."""

    def __init__(self, code: int, err: str = "") -> None:
        """End with *code*, having said *err*."""
        super().__init__(code)
        self.code, self.out, self.err = code, "", err


class PowerShell:
    """Runs one script in one machine."""

    def __init__(self, machine: Machine, commands: dict[str, Command], variables: dict[str, Any]) -> None:
        """Prepare to run with *commands* by lower-case name and *variables* that the script has."""
        self.machine = machine
        self.guest = machine.guest
        self.commands = commands
        self.variables: dict[str, Any] = {name.lower(): value for name, value in variables.items()}
        self.variables |= {"true": True, "false": False, "null": None}

    def run(self, script: str) -> Result:
        """Run the whole script."""
        text = re.sub(r"<#.*?#>", "", script, flags=re.DOTALL)
        text = re.sub(r"(?m)^\s*param\s*\((?:[^()]|\([^()]*\))*\)", "", text, flags=re.IGNORECASE)
        text = re.sub(r"`\r?\n", " ", text)
        try:
            out, err = self._block(text)
        except ExitError as ended:
            return Result(ended.out, ended.code, ended.err)
        return Result(out, 0, err)

    def _block(self, text: str) -> tuple[str, str]:
        out, err = "", ""
        for statement in _statements(text):
            try:
                out += self._statement(statement)
            except CommandError as problem:
                err += f"{problem}\n"
            except ExitError as ended:
                ended.out, ended.err = out + ended.out, err + ended.err
                raise
        return out, err

    def _statement(self, text: str) -> str:
        loop = re.match(r"foreach\s*\(\s*\$(\w+)\s+in\s+(.+?)\)\s*\{(.*)\}$", text, re.IGNORECASE | re.DOTALL)
        if loop:
            return self._foreach(loop[1], loop[2], loop[3])
        attempt = re.match(r"try\s*\{(.*?)\}\s*catch\s*(?:\[[^\]]*\]\s*)?\{(.*)\}$", text, re.IGNORECASE | re.DOTALL)
        if attempt:
            out, err = self._block(attempt[1])
            return out if not err else out + self._block(attempt[2])[0]
        assigned = re.match(r"\$(\w+)\s*=\s*(.+)$", text, re.DOTALL)
        if assigned:
            self.variables[assigned[1].lower()] = self.value(assigned[2].strip())
            return ""
        return shown(self.value(text))

    def _foreach(self, name: str, listed: str, body: str) -> str:
        values = self.value(listed.strip())
        out = ""
        for value in values if isinstance(values, list) else [values]:
            self.variables[name.lower()] = value
            out += self._block(body)[0]
        return out

    def value(self, text: str) -> Any:
        """What an expression or pipeline gives."""
        stages = _split(text, "|")
        found = self._simple(stages[0].strip())
        for stage in stages[1:]:
            found = self._filtered(found, _WORD.findall(stage.strip()))
        return found

    def _simple(self, text: str) -> Any:
        if text[:1] in {"'", '"'} and text.endswith(text[0]) and text.count(text[0]) == 2:
            return self._string(text)
        if len(_split(text, ",")) > 1 and not re.match(r"[\w-]+\s", text):
            return [self.value(part.strip()) for part in _split(text.removeprefix("@(").rstrip(")"), ",")]
        member = re.match(r"(\(.*\)|\$[\w:]+)((?:\.\w+)*)$", text, re.DOTALL)
        if member:
            inner = member[1]
            found = self.value(inner[1:-1].strip()) if inner.startswith("(") else self._variable(inner[1:])
            return _member(found, member[2])
        if text.startswith("@(") and text.endswith(")"):
            return [self.value(part.strip()) for part in _split(text[2:-1], ",") if part.strip()]
        known = self.commands.get(text.lower())
        if known is not None:
            return known(self, [], {})
        return self._called(_WORD.findall(text))

    def _called(self, words: list[str]) -> Any:
        if not words:
            return None
        command = self.commands.get(words[0].lower())
        if command is None:
            if re.fullmatch(r"-?\d+(\.\d+)?", words[0]):
                return words[0]
            message = (
                f"{words[0]} : The term '{words[0]}' is not recognized as the name of a cmdlet, function, script file, "
                "or operable program."
            )
            raise CommandError(message)
        plain, named = self._arguments(words[1:])
        return command(self, plain, named)

    def _arguments(self, words: list[str]) -> tuple[list[str], dict[str, str]]:
        plain: list[str] = []
        named: dict[str, str] = {}
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
                takes = bool(rest) and not rest[0].startswith("-") and word.lower() not in SWITCHES
                named[word[1:].lower().rstrip(":")] = self._text(rest.pop(0)) if takes else "True"
            else:
                plain.append(self._text(word))
        return plain, named

    def _text(self, word: str) -> str:
        if word[:1] in {"'", '"'}:
            return self._string(word)
        if word[:1] in {"(", "$"}:
            return str(self._simple(word))
        return word

    def _string(self, word: str) -> str:
        if word.startswith("'"):
            return word[1:-1]
        text = _VARIABLE.sub(self._inserted, word[1:-1])
        return text.replace("`n", "\n").replace("`t", "\t")

    def _inserted(self, found: re.Match[str]) -> str:
        value = self.value(found[1]) if found[1] is not None else self._variable(found[2])
        return str(value) if value is not None else ""

    def _variable(self, name: str) -> Any:
        head, _, path = name.partition(".")
        if head.lower().startswith("env:"):
            known = {"computername": self.guest.hostname.upper(), "username": "SYSTEM", "os": "Windows_NT"}
            return known.get(head[4:].lower(), "")
        return _member(self.variables.get(head.lower()), f".{path}" if path else "")

    def _filtered(self, found: Any, words: list[str]) -> Any:
        name = words[0].lower() if words else ""
        if name in {"select-object", "select"}:
            return _selected(found, words[1:])
        if name == "convertto-json":
            return json.dumps(found, indent=None if "-compress" in [word.lower() for word in words] else 2)
        if name in {"measure-object", "measure"}:
            return {"Count": len(found) if isinstance(found, list) else int(found is not None)}
        if name in {"foreach-object", "%"}:
            return self._each(found, words)
        return found

    def _each(self, found: Any, words: list[str]) -> Any:
        body = next((word[1:-1] for word in words if word.startswith("{")), "")
        given = []
        for value in found if isinstance(found, list) else [found]:
            self.variables["_"] = value
            given.append(self.value(body.strip()))
        return given


def _selected(found: Any, words: list[str]) -> Any:
    lowered = [word.lower() for word in words]
    names = [name for word in words if not word.startswith("-") for name in word.split(",") if name]
    if "-expandproperty" in lowered:
        return _member(found, f".{names[0]}")
    if "-first" in lowered:
        return found[: int(names[0])] if isinstance(found, list) else found
    entries = found if isinstance(found, list) else [found]
    chosen = [{name: _member(entry, f".{name}") for name in names} for entry in entries]
    return chosen if isinstance(found, list) else chosen[0]


def _member(found: Any, path: str) -> Any:
    for name in path.split(".")[1:]:
        if isinstance(found, list):
            found = len(found) if name.lower() in {"count", "length"} else [_member(one, f".{name}") for one in found]
        elif isinstance(found, dict):
            found = next((value for key, value in found.items() if key.lower() == name.lower()), None)
    return found


def shown(value: Any) -> str:
    """A value as the console prints it."""
    if value is None:
        return ""
    if isinstance(value, dict):
        width = max((len(name) for name in value), default=0)
        return "\n" + "".join(f"{name.ljust(width)} : {inner}\n" for name, inner in value.items()) + "\n"
    if isinstance(value, list):
        return "".join(shown(entry) for entry in value)
    return f"{value}\n"


def _statements(text: str) -> list[str]:
    lines = "\n".join(re.sub(r"(^|\s)#.*$", "", line) for line in text.splitlines())
    return [part.strip() for part in _split(lines, ";\n") if part.strip()]


def _split(text: str, separators: str) -> list[str]:
    """The parts between *separators* outside of quotes and brackets."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "({[":
            depth += 1
        elif character in ")}]":
            depth -= 1
        elif character in separators and depth == 0:
            parts.append("")
            continue
        parts[-1] += character
    return parts
