"""YAML as people mean it: mappings, lists and texts, each with the line it begins on.

Every scalar stays the text that was written ("08:30" is no number of seconds, "no" no falsehood): what it means is for
the schema of the file to say. What can hide something from a reader, or take more memory than it has characters, is
refused: aliases, tags, keys given twice. The parser gives events one after the other, so only what is kept takes room.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

import yaml

MAX_CHARACTERS = 256 * 1024
_MAX_DEPTH = 16

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]


class NotPlainError(Exception):
    """A text that is not plain YAML; `line` is where, counted from 1."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class Document(NamedTuple):
    """What a text says, and the line on which the value at each path begins; () is the whole."""

    value: Value
    lines: Mapping[Path, int]


def read_plain_yaml(text: str) -> Document:
    """Reads one document; nothing at all is None. Raises NotPlainError."""
    if len(text) > MAX_CHARACTERS:
        raise NotPlainError(1, f"there are more than {MAX_CHARACTERS} characters")
    lines: dict[Path, int] = {}
    try:
        events = (event for event in yaml.parse(text, Loader=yaml.SafeLoader) if not isinstance(event, _AROUND))
        first = next(events, None)
        value = None if first is None else _value(first, events, (), lines)
        if further := next(events, None):
            raise NotPlainError(_line(further), "a second document begins here: there is to be one")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotPlainError(mark.line + 1 if mark else 1, f"{error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        raise NotPlainError(before.count("\n") + 1, f"the character {error.character!r} is not allowed") from error
    lines.setdefault((), 1)
    return Document(value, lines)


_AROUND = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def _value(event: yaml.Event, events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> Value:
    line = lines[path] = _line(event)
    if len(path) > _MAX_DEPTH:
        raise NotPlainError(line, f"values are nested deeper than {_MAX_DEPTH} levels")
    if isinstance(event, yaml.AliasEvent):
        raise NotPlainError(line, f"*{event.anchor}: write the value out, aliases are not read here")
    if tag := getattr(event, "tag", None):
        raise NotPlainError(line, f"{tag}: tags are not read here")
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Value] = []
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            items.append(_value(inner, events, (*path, len(items)), lines))
        return items
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, lines)
    # What is left is a scalar, in quotes of some style or plain.
    text = str(getattr(event, "value", ""))
    return None if getattr(event, "style", None) is None and text in _NULLS else text


def _mapping(events: Iterator[yaml.Event], path: Path, lines: dict[Path, int]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        if not isinstance(key, yaml.ScalarEvent) or key.tag:
            raise NotPlainError(_line(key), "a key is to be a plain word")
        if key.value in found:
            raise NotPlainError(_line(key), f"{key.value[:100]!r} is given twice")
        found[key.value] = _value(next(events), events, (*path, key.value), lines)
        # A value may begin on a later line than its key, which is the one that people look for.
        lines[(*path, key.value)] = _line(key)
    return found


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
