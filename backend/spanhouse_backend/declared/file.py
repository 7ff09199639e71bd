"""A file that declares something, read and checked as a whole: of which schema, and what is wrong with it.

A file is used whole or not at all. What is wrong with it is said with file, line and field, all of it at once. The
schema is a pydantic model, which is JSON Schema for editors as well; what no schema can say is for `further` to find.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from pydantic import ValidationError

from spanhouse_backend.declared.plain_yaml import Document, NotPlainError, Value, read_plain_yaml
from spanhouse_backend.declared.plain_yaml import Path as FieldPath
from spanhouse_backend.declared.strict import Strict
from spanhouse_backend.errors import SettingsError

MAX_FILE_BYTES = 256 * 1024
ModelT = TypeVar("ModelT", bound=Strict)
# A library's words for what people get wrong most often, in ours; others are told as they are.
_WORDS = {
    "extra_forbidden": "there is no such field",
    "missing": "is missing",
    "dict_type": "is to be fields with their values",
    "model_type": "is to be fields with their values",
    "model_attributes_type": "is to be fields with their values",
    "tuple_type": "is to be a list",
    "string_type": "is to be a text",
}


class Problem(NamedTuple):
    """Something that is wrong with a file: on which line, with which field of it ("" for all), and what."""

    line: int
    field: str
    problem: str


At: TypeAlias = Callable[[FieldPath, str], Problem]
"""Makes a Problem of the path of a field and what is wrong with it."""


def _nowhere(_value: Value, _path: FieldPath) -> str:
    return ""


@dataclass(frozen=True)
class Declared(Generic[ModelT]):
    """One kind of file: its `model`, and the `title` of its schema.

    Entries of several kinds are told apart by the field `tag`, which is one of `tags`. `further` finds what only shows
    when everything is there; `within` says in people's names where a path of the file leads, " (board 'x')".
    """

    model: type[ModelT]
    title: str
    tag: str
    tags: tuple[str, ...]
    further: Callable[[ModelT, At], Iterable[Problem]]
    within: Callable[[Value, FieldPath], str] = _nowhere

    def read(self, path: Path, option: str = "") -> ModelT:
        """What `path` declares. Raises SettingsError, a line for each problem; an `option` is named in front."""
        prefix = f"{option}: " if option else ""
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            text = content.decode()
        except OSError as error:
            raise SettingsError(f"{prefix}cannot read {path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{prefix}{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
        if len(content) > MAX_FILE_BYTES:
            raise SettingsError(f"{prefix}{path} has more than {MAX_FILE_BYTES} bytes")
        found = self.parse(text)
        if isinstance(found, Strict):
            return found
        raise SettingsError("\n".join(f"{prefix}{path}:{one.line}: {_said(one)}" for one in found))

    def parse(self, text: str) -> ModelT | list[Problem]:
        """What a text declares, or all that is wrong with it, in order."""
        try:
            document = read_plain_yaml(text)
        except NotPlainError as error:
            return [Problem(error.line, "", error.problem)]
        try:
            found = self.model.model_validate({} if document.value is None else document.value)
        except ValidationError as error:
            return sorted(self._problem(document, one["type"], one["loc"], one["msg"]) for one in error.errors())

        def at(path: FieldPath, problem: str) -> Problem:
            known = path if path in document.lines else path[:-1]
            return Problem(document.lines[known], _dotted(path), problem + self.within(document.value, path))

        return sorted(self.further(found, at)) or found

    def schema_text(self) -> str:
        """The JSON Schema of such files, for editors."""
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        return json.dumps(schema | self.model.model_json_schema(by_alias=True) | {"title": self.title}, indent=2)

    def _problem(self, document: Document, kind: str, location: FieldPath, message: str) -> Problem:
        path: FieldPath = ()
        field: list[str | int] = []
        for part in location:
            if (*path, part) in document.lines:
                path = (*path, part)
            elif part in self.tags:
                continue  # the library's name for which of the kinds it took the entry for
            field.append(part)
        words = _WORDS.get(kind, message)
        if kind in {"union_tag_not_found", "union_tag_invalid"}:
            field.append(self.tag)
            path = (*path, self.tag) if (*path, self.tag) in document.lines else path
            words = f"{'is missing:' if kind == 'union_tag_not_found' else 'is not'} one of {', '.join(self.tags)}"
        return Problem(document.lines[path], _dotted(field), words + self.within(document.value, path))


def _said(problem: Problem) -> str:
    return f"{problem.field}: {problem.problem}" if problem.field else problem.problem


def _dotted(field: Iterable[str | int]) -> str:
    """rules[0].above"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in field).removeprefix(".")
