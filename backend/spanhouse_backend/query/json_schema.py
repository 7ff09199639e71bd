"""The JSON Schema that values have in common: draft 2020-12, inferred, so that every one of them is valid by it.

A type is what was seen, or a list of all that were; `integer` where every number was a whole one. A property is
required where all objects at its place have it. Nothing is said of what was not seen: a schema forbids no property.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class Part(NamedTuple):
    """What was seen at one place: `path` is keys with dots between them, and [] for the items of a list."""

    path: str
    types: tuple[str, ...]
    values: int
    required: bool


@dataclass
class Shape:
    """What the values at one place look like. Add them one by one."""

    values: int = 0
    types: dict[str, int] = field(default_factory=dict)
    properties: dict[str, "Shape"] = field(default_factory=dict)
    items: "Shape | None" = None

    def add(self, value: Any) -> None:
        """One more value, of JSON's own types."""
        kind = _TYPES[type(value)]
        self.values += 1
        self.types[kind] = self.types.get(kind, 0) + 1
        if isinstance(value, dict):
            for key, part in value.items():
                self.properties.setdefault(key, Shape()).add(part)
        elif isinstance(value, list):
            self.items = self.items or Shape()
            for part in value:
                self.items.add(part)

    def kinds(self) -> tuple[str, ...]:
        """The types that were seen, as JSON Schema names them: a whole number is a number, too."""
        return tuple(sorted(kind for kind in self.types if kind != "integer" or "number" not in self.types))

    def schema(self) -> dict[str, Any]:
        """The schema of all of them."""
        types = self.kinds()
        described: dict[str, Any] = {"type": types[0] if len(types) == 1 else list(types)} if types else {}
        if "object" in self.types:
            described["properties"] = {key: shape.schema() for key, shape in self.properties.items()}
            described["required"] = [key for key, shape in self.properties.items() if self._always(shape)]
        if self.items and self.items.values:
            described["items"] = self.items.schema()
        return described

    def parts(self, path: str = "") -> Iterator[Part]:
        """Every place below this one."""
        for key, shape in self.properties.items():
            written = key if key.isidentifier() else f'"{key}"'
            below = f"{path}.{written}" if path else written
            yield Part(below, shape.kinds(), shape.values, self._always(shape))
            yield from shape.parts(below)
        if self.items and self.items.values:
            below = f"{path}[]"
            yield Part(below, self.items.kinds(), self.items.values, required=False)
            yield from self.items.parts(below)

    def _always(self, shape: "Shape") -> bool:
        return shape.values == self.types["object"]
