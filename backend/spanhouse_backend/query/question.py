"""What a question is: a frozen dataclass whose fields say how they are read from parameters, and which can be asked.

    @dataclass(frozen=True, kw_only=True)
    class Services(Question[Answer[ServiceRow]], name="services", row=ServiceRow):
        "Which services have sent spans, how often are they called, how often do they fail?"

        window: Windowed                      # Annotated[Window, Reads(parse_it, SINCE, UNTIL)]
        limit: Limited = 50

        async def answer(self, engine: Engine) -> Answer[ServiceRow]: ...

That is all there is to a question: REST's routes with their OpenAPI description, gRPC's Ask, the command line's
options and the documents are made from these classes (questions/__init__.py lists them). Parameters are texts
everywhere and are read in one place, so every face refuses the same things in the same words; '' stands for a
parameter's default.
`Functions` and `Trace` have typed messages in query.proto as well, because programs that poll them should not have to
parse JSON; the rest are asked for by people and notebooks, where the rows' names are worth more than their encoding.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from inspect import cleandoc
from typing import Any, ClassVar, Generic, Self, TypeVar, get_type_hints

from spanhouse_backend.errors import InvalidQuestion
from spanhouse_backend.query.answers import Answer
from spanhouse_backend.query.engine import Engine

AnswerT = TypeVar("AnswerT", bound=Answer[Any])


@dataclass(frozen=True)
class Parameter:
    """One thing that a question can be told. `default` is what '' stands for; '' there is explained in `help`."""

    name: str
    help: str
    default: str = ""
    # Its values in JSON Schema, for those who generate clients and tests from the OpenAPI description.
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    # Whether there is no default: it has to be given.
    required: bool = False


@dataclass(frozen=True)
class Given:
    """The texts a question was asked with, defaults filled in, and the time that ages count back from."""

    texts: Mapping[str, str]
    now_ns: int

    def __getitem__(self, parameter: Parameter) -> str:
        return self.texts.get(parameter.name) or parameter.default


class Reads:
    """Annotates a question's field: `read` makes its value of the given `parameters`, or raises InvalidQuestion."""

    def __init__(self, read: Callable[[Given], Any], *parameters: Parameter) -> None:
        self.read = read
        self.parameters = parameters


class Question(ABC, Generic[AnswerT]):
    """A checked question; its docstring is the question in words."""

    # What every face calls it, the dataclass of an answer's rows, and that of the answer around them.
    name: ClassVar[str]
    row: ClassVar[type]
    answer_type: ClassVar[type[Answer[Any]]]
    # Whether it is an order, which is carried out to its end however long that takes.
    changes: ClassVar[bool] = False

    def __init_subclass__(cls, *, name: str, row: type, answer_type: type[Answer[Any]] = Answer) -> None:
        super().__init_subclass__()
        cls.name, cls.row, cls.answer_type = name, row, answer_type

    @abstractmethod
    async def answer(self, engine: Engine) -> AnswerT:
        """Asks the engine. Raises StoreError when it cannot answer."""

    def missing(self) -> str:
        """What to say when an answer without rows means that what was asked for does not exist; '' if it does not."""
        return ""

    @classmethod
    def help(cls) -> str:
        """The question in words."""
        return cleandoc(cls.__doc__ or "")

    @classmethod
    def parameters(cls) -> tuple[Parameter, ...]:
        """Everything it can be told, in the order of its fields."""
        return tuple(parameter for _, reads in _fields(cls) for parameter in reads.parameters)

    @classmethod
    def read(cls, texts: Mapping[str, str], now_ns: int) -> Self:
        """The question that these texts ask. Raises InvalidQuestion naming the parameter, also for an unknown one.

        A misspelt parameter would otherwise be left out in silence, and the answer be to another question.
        """
        known = {parameter.name: parameter for parameter in cls.parameters()}
        for name in texts:
            if name not in known:
                choices = f"; there are {', '.join(sorted(known))}" if known else ""
                raise InvalidQuestion(name[:100], f"no such parameter{choices}")
        for name, parameter in known.items():
            if parameter.required and not texts.get(name):
                raise InvalidQuestion(name, f"is missing: {parameter.help}")
        given = Given(texts, now_ns)
        return cls(**{name: reads.read(given) for name, reads in _fields(cls)})


@cache
def _fields(cls: type) -> tuple[tuple[str, Reads], ...]:
    return tuple(_annotated(cls))


def _annotated(cls: type) -> Iterator[tuple[str, Reads]]:
    for name, hint in get_type_hints(cls, include_extras=True).items():
        for metadata in getattr(hint, "__metadata__", ()):
            if isinstance(metadata, Reads):
                yield name, metadata
