"""What every declared file is made of: strict mappings, names, texts, and the words in which a value is refused."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """A mapping of the file: nothing but its fields, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def wrong(problem: str) -> PydanticCustomError:
    """What a validator raises; the words are the reader's to see as they are."""
    return PydanticCustomError("declared", "{problem}", {"problem": problem})


def _printable(value: str) -> str:
    if not value.isprintable():
        raise wrong(f"{value!r} has characters that cannot be printed")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
"""What people call something."""
Text = Annotated[str, Field(max_length=2000)]
