"""A small Unix shell: enough of it to run the scripts with which people look into a machine.

It knows comments, quotes, variables, `$(...)`, `;`, `&&`, `||`, `|`, `!`, redirections (to be dropped, or `2>&1`),
`if`, `for` and the programs of `linux_commands.py`. What it does not know is not found (127), as in any shell.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.compute.guest import Guest

    Program = Callable[["Shell", list[str], str], "Result"]

MOST_STEPS = 2000
_SUBSTITUTION = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)|`([^`]*)`")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+|[?#@]))")
_OPERATORS = {";", "&&", "||", "|", "&"}


@dataclass
class Result:
    """What a program printed, and its exit code."""

    out: str = ""
    code: int = 0
    err: str = ""


@dataclass
class Machine:
    """What the guest's programs can know of the machine around it."""

    guest: Guest
    uptime_seconds: float
    now: str
    metadata: dict[str, object] = field(default_factory=dict)
    """The answer of the instance metadata service."""


class _Exit(Exception):  # noqa: N818 - a script that ends itself
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Shell:
    """Runs one script in one machine."""

    def __init__(self, machine: Machine, programs: dict[str, Program], variables: dict[str, str]) -> None:
        """Prepare to run with *programs* by name and *variables* of the environment."""
        self.machine = machine
        self.guest = machine.guest
        self.programs = programs
        self.variables = dict(variables)
        self.last = 0
        self._steps = 0
        self._out: list[str] = []
        self._err: list[str] = []
        self._stop_on_error = False

    def run(self, script: str) -> Result:
        """Run the whole script."""
        text = re.sub(r"\\\n", " ", script)
        try:
            self._block(_tokens(text))
        except _Exit as ended:
            self.last = ended.code
        except ValueError as problem:
            return Result("".join(self._out), 2, f"script.sh: syntax error: {problem}\n")
        return Result("".join(self._out), self.last, "".join(self._err))

    def exit(self, code: int) -> Result:
        """End the script."""
        raise _Exit(code)

    def stop_on_error(self) -> None:
        """End the script with the first command that fails, from now on."""
        self._stop_on_error = True

    def _block(self, tokens: list[str]) -> None:
        """Run statements one after the other."""
        position = 0
        while position < len(tokens):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise _Exit(124)
            word = tokens[position]
            if word in {";", "&"}:
                position += 1
            elif word == "if":
                end = _closing(tokens, position, {"if"}, "fi")
                self._if(tokens[position + 1 : end])
                position = end + 1
            elif word in {"for", "while", "until"}:
                end = _closing(tokens, position, {"for", "while", "until"}, "done")
                self._loop(tokens[position:end])
                position = end + 1
            else:
                position = self._and_or(tokens, position)

    def _if(self, tokens: list[str]) -> None:
        """Run the branch of `if A; then B; elif C; then D; else E` that applies."""
        parts = _split(tokens, {"then", "elif", "else"})
        for index in range(0, len(parts) - 1, 2):
            if parts[index][0] == "else":
                break
            self._condition(parts[index][1])
            if self.last == 0:
                self._block(parts[index + 1][1])
                return
        if parts[-1][0] == "else":
            self._block(parts[-1][1])

    def _condition(self, tokens: list[str]) -> None:
        kept, self._stop_on_error = self._stop_on_error, False
        self._block(tokens)
        self._stop_on_error = kept

    def _loop(self, tokens: list[str]) -> None:
        begin = tokens.index("do")
        body = tokens[begin + 1 :]
        if tokens[0] == "for":
            words = [word for word in tokens[3:begin] if word != ";"]
            for value in [value for word in words for value in self._expanded(word)]:
                self.variables[tokens[1]] = value
                self._block(body)
            return
        for _ in range(MOST_STEPS):
            self._condition(tokens[1:begin])
            if (self.last == 0) is not (tokens[0] == "while"):
                return
            self._block(body)

    def _and_or(self, tokens: list[str], position: int) -> int:
        """Run one list of pipelines joined by `&&` and `||`; the position behind it."""
        wanted, joined = True, False
        while position < len(tokens) and tokens[position] not in {";", "&"}:
            end = position
            while end < len(tokens) and tokens[end] not in {";", "&", "&&", "||"}:
                end += 1
            if wanted:
                self._pipeline(tokens[position:end])
            if end >= len(tokens) or tokens[end] in {";", "&"}:
                position = end
                break
            joined = True
            wanted = (self.last == 0) if tokens[end] == "&&" else (self.last != 0)
            position = end + 1
        if self.last and self._stop_on_error and not joined:
            raise _Exit(self.last)
        return position

    def _pipeline(self, tokens: list[str]) -> None:
        negated = tokens[:1] == ["!"]
        given, result = "", Result()
        for _, command in _split(tokens[1:] if negated else tokens, {"|"}):
            result = self._command(command, given)
            self._err.append(result.err)
            given = result.out
        self._out.append(result.out)
        self.last = (0 if result.code else 1) if negated else result.code

    def _command(self, tokens: list[str], given: str) -> Result:
        words, discards, merges = _without_redirections(tokens)
        if words and words[0] in {"{", "("}:
            words = words[1:-1]
        values: list[str] = []
        for word in words:
            match = re.match(r"(\w+)=(.*)$", word.replace("\x00", ""), re.DOTALL) if not values else None
            if match:
                self.variables[match[1]] = " ".join(self._expanded(f"\x00{match[2]}"))
            else:
                values += self._expanded(word)
        if not values:
            return Result()
        result = self.call(values, given)
        if merges:
            result = Result(result.out + result.err, result.code)
        return Result("" if "1" in discards else result.out, result.code, "" if "2" in discards else result.err)

    def call(self, words: list[str], given: str = "") -> Result:
        """Run a program by its name, with or without its path."""
        name = words[0].rpartition("/")[2]
        program = self.programs.get(name)
        if program is None:
            return Result(code=127, err=f"script.sh: 1: {words[0]}: not found\n")
        return program(self, words[1:], given)

    def _expanded(self, word: str) -> list[str]:
        """A word with its variables and substitutions put in; without quotes it falls into words."""
        quoted = "\x00" in word
        plain = word.replace("\x00", "")
        if "\x01" in plain:
            return [plain.replace("\x01", "")]
        text = _SUBSTITUTION.sub(lambda found: self._captured(found[1] or found[2] or ""), plain)
        text = _VARIABLE.sub(self._value, text)
        if text == plain or quoted:
            return [text]
        return text.split()

    def _captured(self, script: str) -> str:
        inner = Shell(self.machine, self.programs, self.variables)
        return inner.run(script).out.rstrip("\n")

    def _value(self, found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name == "?":
            return str(self.last)
        value = self.variables.get(name, "")
        return value or (found[2] or "")


def _closing(tokens: list[str], begin: int, openers: set[str], closer: str) -> int:
    depth = 0
    for index in range(begin, len(tokens)):
        depth += (tokens[index] in openers) - (tokens[index] == closer)
        if depth == 0:
            return index
    message = f'"{tokens[begin]}" unexpected'
    raise ValueError(message)


def _split(tokens: list[str], words: set[str]) -> list[tuple[str, list[str]]]:
    """The parts between *words* at the outermost level, each with the word before it."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    depth = 0
    for token in tokens:
        if depth == 0 and token in words:
            parts.append((token, []))
            continue
        depth += token in {"if", "for", "while", "until"}
        depth -= token in {"fi", "done"}
        parts[-1][1].append(token)
    return parts


def _without_redirections(tokens: list[str]) -> tuple[list[str], set[str], bool]:
    """The words of a command; which of its outputs (1, 2) go elsewhere; whether 2 goes where 1 does."""
    words: list[str] = []
    discards: set[str] = set()
    merges, skip = False, False
    for word in tokens:
        if skip:
            skip = False
        elif word == "2>&1":
            merges = True
        elif re.fullmatch(r"[12&]?>>?.*|<.*", word):
            stream = word[0] if word[0] in "12&" else "1"
            discards |= {"1", "2"} if stream == "&" else set() if word[0] == "<" else {stream}
            skip = re.fullmatch(r"[12&]?>>?|<", word) is not None
        else:
            words.append(word)
    return words, discards, merges


def _tokens(text: str) -> list[str]:
    """The words and operators of a script; a quoted part is marked, by NUL where variables still count in it."""
    found: list[str] = []
    pattern = re.compile(
        r"""(?P<space>[ \t]+)|(?P<comment>\#[^\n]*)|(?P<newline>\n)|(?P<op>&&|\|\||;;|[;|])|(?P<background>&(?!>))"""
        r"""|(?P<word>(?:\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`|'[^']*'|"(?:\\.|[^"\\])*"|\\.|2>&1|&>|[^\s;|&'"`\\])+)"""
    )
    position = 0
    while position < len(text):
        match = pattern.match(text, position)
        if match is None:
            raise ValueError("unterminated quoted string")
        position = match.end()
        if match["op"] or match["newline"] or match["background"]:
            found.append(match["op"] or ";" if not match["background"] else ";")
        elif match["word"]:
            found.append(_unquoted(match["word"]))
    return found


def _unquoted(word: str) -> str:
    if word.startswith("'") and word.endswith("'") and word.count("'") == 2:
        return "\x01" + word[1:-1]
    if '"' in word or "'" in word:
        if "$(" in word or "`" in word:
            return "\x00" + re.sub(r'"((?:\\.|[^"\\])*)"', lambda found: found[1].replace('\\"', '"'), word)
        try:
            return "\x00" + "".join(shlex.split(word.replace("\\$", "$")))
        except ValueError:
            return word
    return word.replace("\\", "")
