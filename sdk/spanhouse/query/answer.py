"""What an answer is to whoever asked: rows, and where their numbers came from.

Made of the server's JSON by name: what a newer server says beyond the fields that are known here is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from spanhouse.query.errors import QueryError

if TYPE_CHECKING:
    import pandas as pd

RowT = TypeVar("RowT")
_SECOND_NS = 1_000_000_000
_UNIX = "_unix_ns"


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[RowT]):
    """Rows over the half-open window [from_ns, to_ns) in Unix nanoseconds that was answered.

    `source` is "rollup_1m", "rollup_1h" or "raw"; `accuracy` is "exact", or "bucketed": percentiles within 0.55% of the
    true order statistic. Rollups answer whole minutes, so the window may begin and end up to a minute outside what was
    asked. `notes` are sentences for whoever reads the numbers; usually there are none.
    """

    source: str
    accuracy: str
    from_ns: int
    to_ns: int
    notes: tuple[str, ...] = ()
    rows: tuple[RowT, ...]

    def to_pandas(self) -> "pd.DataFrame":
        """The rows as a DataFrame, a row each; raises ImportError when pandas is not installed.

        Parts of a field have columns of their own ("percentiles_ns.p99"), durations stay integer nanoseconds, and
        Unix times become timestamps in UTC: `start_unix_ns` is the column `start`.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - half a second, for those who want it only
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: pip install pandas") from error
        rows: tuple[Any, ...] = self.rows  # dataclasses, each of them
        frame: pd.DataFrame = pd.json_normalize([asdict(row) for row in rows])
        for name in [name for name in frame.columns if name.endswith(_UNIX)]:
            frame[name] = pd.to_datetime(frame[name], unit="ns", utc=True)
            frame = frame.rename(columns={name: name.removesuffix(_UNIX)})
        return frame


AnswerT = TypeVar("AnswerT", bound=Answer[Any])


def read_answer(kind: type[AnswerT], row: type, document: Mapping[str, Any]) -> AnswerT:
    """The answer in a server's JSON document. Raises QueryError for what is none."""
    try:
        head = {name: value for name, value in document.items() if name not in ("from", "to", "rows")}
        rows = tuple(_read(row, values) for values in document["rows"])
        window = {"from_ns": unix_ns(document["from"]), "to_ns": unix_ns(document["to"])}
        answer: AnswerT = _read(kind, head | window | {"rows": rows})
    except (KeyError, TypeError, ValueError) as error:
        raise QueryError(f"this is no answer of spanhouse, or that of an older server: {error!r}") from error
    return answer


def unix_ns(text: str) -> int:
    """The Unix nanoseconds of ISO 8601 in UTC with up to nine digits, of which datetime would keep six."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * _SECOND_NS + int(fraction.ljust(9, "0") or "0")


def _read(kind: Any, values: Mapping[str, Any]) -> Any:
    known = {}
    for name, convert in _plan(kind):
        if name in values:
            known[name] = convert(values[name]) if convert else values[name]
    return kind(**known)


@cache
def _plan(kind: Any) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """What is done with each field's JSON; None where it is the value already, which it mostly is."""
    hints = get_type_hints(kind)
    return tuple((field.name, _converter(hints[field.name])) for field in fields(kind))


def _converter(hint: Any) -> Callable[[Any], Any] | None:
    if get_origin(hint) is tuple:
        element = get_args(hint)[0]
        if isinstance(element, type) and is_dataclass(element):
            return lambda values: tuple(_read(element, value) for value in values)
        return tuple
    return None
