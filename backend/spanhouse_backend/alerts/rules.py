"""The rules that a file can have: what each asks, and what an answer means to it.

A rule is a question of the query API with the words of that API (`service`, `name`, `filter`, `group`), and a bound. It
asks nobody itself: whoever has a way to ask (the command line over gRPC, the server its own reader) gives it the
answer's document, so that both judge alike. Too few calls are no reason to be alarmed and none to be calm: `unknown`.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import Field

from spanhouse_backend.alerts.finding import MAX_LISTED, Finding, Measured, Outcome, Unit
from spanhouse_backend.alerts.values import (
    Duration,
    EverySeconds,
    ForSeconds,
    LabelName,
    RepeatSeconds,
    Share,
    WindowSeconds,
)
from spanhouse_backend.declared.strict import Name, Strict, Text
from spanhouse_backend.query.lengths import duration, step_length
from spanhouse_backend.query.parameters import FILTER, MAX_LIMIT, NAME, SERVICE
from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.compare import BASELINE, EFFECT, SIGNIFICANCE, Compare
from spanhouse_backend.query.questions.percentiles import GROUP, Percentiles
from spanhouse_backend.query.times import SECOND_NS

MIN_CALLS = 20
"""Below this a percentile or a share says little of the calls to come."""
Answered: TypeAlias = Mapping[str, Any]
"""The document of an answer, as REST has it."""
Measure = Literal["p50", "p75", "p90", "p95", "p99", "p99.9", "max", "mean"]
_LEVELS = {"max": "p100", "mean": "p50"}
_ORDER: tuple[Outcome, ...] = ("breach", "unknown", "well")


class Asked(NamedTuple):
    """A question and its parameters, as texts."""

    question: type[Question[Any]]
    texts: Mapping[str, str]


class Selection(Strict):
    """Which calls are meant; all of them when nothing is said."""

    service: Text = Field("", description=SERVICE.help)
    name: Text = Field("", description=NAME.help)
    filter: Text = Field("", description=FILTER.help)

    def selected(self) -> dict[str, str]:
        """The parameters that say so."""
        given = {"service": self.service, "name": self.name, "filter": self.filter}
        return {parameter: text for parameter, text in given.items() if text}

    def calls_meant(self) -> str:
        """In words: "checkout.pay of checkout where status=ok"."""
        of = f" of {self.service}" if self.service else ""
        where = f" where {self.filter}" if self.filter else ""
        return f"{self.name or ('calls' if of else 'all calls')}{of}{where}"


class _Rule(Selection):
    """What all rules have."""

    rule: Name = Field(description="What people call it; no other rule is called the same.")
    description: Text = Field("", description="What to do about it: sent along when somebody is told.")
    labels: dict[LabelName, Text] = Field(
        {}, max_length=20, description="Sent along, for those who sort alerts by them."
    )
    window: WindowSeconds = Field("15m", validate_default=True)
    every: EverySeconds = Field("1m", validate_default=True)
    for_: ForSeconds = Field("0s", alias="for", validate_default=True)
    repeat: RepeatSeconds = Field("4h", validate_default=True)
    notify: tuple[Name, ...] | None = Field(
        None, description="Which of the webhooks are told; all of them if not given, none if the list is empty."
    )

    @abstractmethod
    def asks(self) -> Asked:
        """What has to be known to judge."""

    @abstractmethod
    def judge(self, answer: Answered) -> Finding:
        """What the answer to that means."""

    @abstractmethod
    def means(self) -> str:
        """The rule in words: what holds while all is well."""

    @property
    def window_text(self) -> str:
        """As people write it."""
        return step_length(self.window * SECOND_NS)


class _Bounded(_Rule):
    """A rule about a number of each group of calls, which is not to be above a bound."""

    min_calls: int = Field(MIN_CALLS, ge=1, le=10**9, description="With fewer calls than this, nothing is known.")
    group: Text = Field(GROUP.default, description=f"{GROUP.help} Each group is judged for itself.")

    def asks(self) -> Asked:
        """One row for each group of calls."""
        texts = {"since": f"{self.window}s", "group": self.group, "levels": self._level(), "limit": str(MAX_LIMIT)}
        return Asked(Percentiles, self.selected() | texts)

    def judge(self, answer: Answered) -> Finding:
        """Every group with enough calls is well, or in breach."""
        measured = [self._measured(row) for row in answer["rows"]]
        return _finding(self, answer, measured, self._threshold(), self._unit)

    _unit: Unit

    def _level(self) -> str:
        return "p50"

    @abstractmethod
    def _threshold(self) -> float: ...

    @abstractmethod
    def _value(self, row: Mapping[str, Any]) -> float: ...

    @abstractmethod
    def _says(self, row: Mapping[str, Any], value: float) -> str: ...

    def _measured(self, row: Mapping[str, Any]) -> Measured:
        calls = row["calls"]
        if calls < self.min_calls:
            return Measured(row["group"], "unknown", calls, None, f"{_calls(calls)}, fewer than {self.min_calls:,}")
        value = self._value(row)
        outcome: Outcome = "breach" if value > self._threshold() else "well"
        return Measured(row["group"], outcome, calls, value, self._says(row, value))


class PercentileRule(_Bounded):
    """How long calls take: a percentile, the mean or the longest of each group is not to be above a bound."""

    kind: Literal["percentile"]
    measure: Measure = Field("p99", description="What of the durations: a percentile, their mean, or the longest.")
    above: Duration = Field(description="The bound: 250ms, 1.5s.")
    _unit: Unit = "ns"

    def means(self) -> str:
        """As a sentence has it."""
        return f"{self.measure} of {self.calls_meant()} in {self.window_text} is at most {duration(self.above)}"

    def _level(self) -> str:
        return _LEVELS.get(self.measure, self.measure)

    def _threshold(self) -> float:
        return self.above

    def _value(self, row: Mapping[str, Any]) -> float:
        found = row["mean_ns"] if self.measure == "mean" else row["percentiles_ns"][self._level()]
        return float(found)

    def _says(self, row: Mapping[str, Any], value: float) -> str:
        side = "above" if value > self.above else "not above"
        return f"{self.measure} {duration(value)}, {side} {duration(self.above)}, of {_calls(row['calls'])}"


class ErrorRateRule(_Bounded):
    """How often calls fail: the share of those with an error, in each group, is not to be above a bound."""

    kind: Literal["error_rate"]
    above: Share = Field(description="The bound: 5% or 0.05.")
    _unit: Unit = "share"

    def means(self) -> str:
        """As a sentence has it."""
        return f"at most {_percent(self.above)} of {self.calls_meant()} in {self.window_text} fail"

    def _threshold(self) -> float:
        return self.above

    def _value(self, row: Mapping[str, Any]) -> float:
        return float(row["errors"] / row["calls"])

    def _says(self, row: Mapping[str, Any], value: float) -> str:
        side = "above" if value > self.above else "not above"
        failed = f"{_percent(value)} failed, {side} {_percent(self.above)}"
        return f"{failed}: {row['errors']:,} of {_calls(row['calls'])}"


class RegressionRule(_Rule):
    """What became worse: the question `compare`, with its verdict; the window is compared with the baseline."""

    kind: Literal["regression"]
    window: WindowSeconds = Field("1h", validate_default=True)
    every: EverySeconds = Field("5m", validate_default=True)
    baseline: Text = Field(BASELINE.default, description=BASELINE.help)
    worse: tuple[Literal["slower", "errors"], ...] = Field(
        ("slower", "errors"), min_length=1, description="What counts as worse: slower calls, more errors, or both."
    )
    min_effect: float = Field(
        float(EFFECT.default),
        ge=0,
        le=100,
        description=f"{EFFECT.help} Without a change as large as that, calls are not slower.",
    )
    alpha: float = Field(float(SIGNIFICANCE.default), gt=0, le=0.5, description=SIGNIFICANCE.help)

    def asks(self) -> Asked:
        """One row for each function that was called in both windows."""
        texts = {
            "baseline": self.baseline,
            "candidate": f"{self.window}s",
            "alpha": f"{self.alpha:.10f}",
            "min_effect": f"{self.min_effect:.10f}",
            "limit": str(MAX_LIMIT),
        }
        return Asked(Compare, self.selected() | texts)

    def judge(self, answer: Answered) -> Finding:
        """Every function is worse, or not, or nothing can be said of it."""
        measured = [self._measured(row) for row in answer["rows"]]
        return _finding(self, answer, measured, self.min_effect, "share")

    def means(self) -> str:
        """As a sentence has it."""
        worse = " or ".join("slower" if what == "slower" else "more wrong" for what in self.worse)
        return f"{self.calls_meant()} in {self.window_text} are not {worse} than in {self.baseline}"

    def _measured(self, row: Mapping[str, Any]) -> Measured:
        group = {"service": row["service"], "name": row["name"]}
        calls = row["candidate_calls"]
        numbers = f"{row['baseline_calls']:,} > {_calls(calls)}"
        says = worse_text(row, self.worse)
        if not says and row["verdict"] == "too_little_data":
            return Measured(group, "unknown", calls, None, f"too few calls to tell: {numbers}")
        outcome: Outcome = "breach" if says else "well"
        return Measured(group, outcome, calls, row["shift"] - 1, f"{says or 'not worse'}, of {numbers}")


class AbsenceRule(_Rule):
    """What should be there and is not: fewer calls than there are to be."""

    kind: Literal["absence"]
    at_least: int = Field(1, ge=1, le=10**12, description="So many calls are to be there, all that are meant together.")

    def asks(self) -> Asked:
        """All calls together."""
        texts = {"since": f"{self.window}s", "group": "none", "levels": "p50", "limit": "1"}
        return Asked(Percentiles, self.selected() | texts)

    def judge(self, answer: Answered) -> Finding:
        """Nothing is as much an answer as something: this is never unknown."""
        calls = sum(row["calls"] for row in answer["rows"])
        breach = calls < self.at_least
        says = f"{_calls(calls)}, {'fewer than' if breach else 'at least'} {self.at_least:,}"
        measured = Measured({}, "breach" if breach else "well", calls, calls, says)
        return _finding(self, answer, [measured], self.at_least, "calls")

    def means(self) -> str:
        """As a sentence has it."""
        return f"{self.calls_meant()} in {self.window_text}: at least {self.at_least:,}"


Rule: TypeAlias = PercentileRule | ErrorRateRule | RegressionRule | AbsenceRule
AnyRule = Annotated[Rule, Field(discriminator="kind")]
KINDS = ("percentile", "error_rate", "regression", "absence")


def _finding(rule: _Rule, answer: Answered, measured: list[Measured], threshold: float, unit: Unit) -> Finding:
    counts = {outcome: sum(one.outcome == outcome for one in measured) for outcome in _ORDER}
    outcome: Outcome = "breach" if counts["breach"] else "well" if counts["well"] else "unknown"
    # The least of what is missing, the most of everything else.
    worst = -1 if unit == "calls" else 1
    known = [one.value for one in measured if one.value is not None]
    by_value = sorted(measured, key=lambda one: -worst * (one.value or 0))
    listed = sorted(by_value, key=lambda one: _ORDER.index(one.outcome))
    return Finding(
        outcome=outcome,
        summary=_summary(rule, outcome, listed, counts),
        value=worst * max(worst * value for value in known) if known else None,
        threshold=threshold,
        unit=unit,
        calls=sum(one.calls for one in measured),
        breaching=counts["breach"],
        well=counts["well"],
        unknown=counts["unknown"],
        from_time=answer["from"],
        to_time=answer["to"],
        measured=tuple(listed[:MAX_LISTED]),
        notes=(*answer.get("notes", ()), *_cut_off(answer)),
    )


def _summary(rule: _Rule, outcome: Outcome, listed: list[Measured], counts: Mapping[Outcome, int]) -> str:
    first = next((one for one in listed if one.outcome == outcome), None)
    if first is None:
        return f"nothing known of {rule.calls_meant()}: no calls in {rule.window_text}"
    others = counts[outcome] - 1
    more = f" (and {others:,} more)" if others else ""
    if outcome == "unknown":
        return f"nothing known of {group_text(first.group) or rule.calls_meant()}: {first.says}{more}"
    return f"{group_text(first.group) or rule.calls_meant()}: {first.says}{more}"


def group_text(group: Mapping[str, str]) -> str:
    """The values that tell a group of calls from others: "checkout checkout.pay"; "" for all together."""
    return " ".join(value for value in group.values() if value)


def _cut_off(answer: Answered) -> tuple[str, ...]:
    if len(answer["rows"]) < MAX_LIMIT:
        return ()
    return (f"only the first {MAX_LIMIT:,} groups of calls were looked at",)


def worse_text(row: Mapping[str, Any], what: Collection[str] = ("slower", "errors")) -> str:
    """What became worse, of a row of a comparison; "" for nothing."""
    says = [_slower(row)] if "slower" in what and row["verdict"] == "slower" else []
    if "errors" in what and row["errors"] == "more":
        numbers = f"{row['baseline_errors']:,} > {row['candidate_errors']:,}"
        says.append(f"more errors: {numbers} (p {row['errors_p_value']:.2g})")
    return "; ".join(says)


def _slower(row: Mapping[str, Any]) -> str:
    """What the verdict rests on, each with its interval."""
    says = f"slower ({', '.join(row['changed'])}), {row['shift'] - 1:+.1%}"
    for shift in row["percentiles"]:
        if shift["level"] in (0.5, 0.99):
            interval = f"{shift['ratio_low'] - 1:+.0%} .. {shift['ratio_high'] - 1:+.0%}"
            times = f"{duration(shift['baseline_ns'])} > {duration(shift['candidate_ns'])}"
            says += f", p{shift['level'] * 100:g} {times} ({interval})"
    return f"{says} (p {row['p_value']:.2g})"


def _calls(number: int) -> str:
    return f"{number:,} call{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g}%"
