"""What an answer's rows are grouped by: fields of a vocabulary, as `group` names them."""

from collections.abc import Mapping

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.filters import field
from spanhouse_backend.query.question import Given, Parameter
from spanhouse_backend.query.vocabulary import Field, Vocabulary

MAX_GROUPS = 5
NO_GROUP = "none"
# Ids and durations are different for all.
_GROUPABLE = frozenset({"text", "choice", "attribute", "error_type", "level"})


def read_group(given: Given, parameter: Parameter, vocabulary: Vocabulary) -> Mapping[str, Field]:
    """The fields of `parameter` by the names that they are given there. Raises InvalidQuestion."""
    if given[parameter] == NO_GROUP:
        return {}
    fields = {}
    for part in given[parameter].split(",")[: MAX_GROUPS + 1]:
        name = part.strip()
        fields[name] = field(parameter.name, name, vocabulary)
        if fields[name].kind not in _GROUPABLE:
            raise InvalidQuestion(parameter.name, f"{vocabulary.one}s cannot be grouped by {name}")
    if len(fields) > MAX_GROUPS:
        raise InvalidQuestion(parameter.name, f"more than {MAX_GROUPS} fields are too many")
    return fields
