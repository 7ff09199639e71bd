import asyncio
import contextvars
import functools
import inspect
import pickle
import sys
import threading

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.trace import SpanKind, StatusCode

import spanhouse
from spanhouse.errors import CaptureError
from spanhouse.testing import captured_spans


@pytest.fixture
def spans():
    with captured_spans() as captured:
        yield captured


def names(spans) -> list[str]:
    return [span.name.rpartition(".")[2] for span in spans]


@spanhouse.capture
def leaf():
    return trace.get_current_span()


class Shop:
    @spanhouse.capture
    def method(self, value):
        return value

    @spanhouse.capture
    @staticmethod
    def static(value):
        return value

    @staticmethod
    @spanhouse.capture
    def static_inside(value):
        return value

    @spanhouse.capture
    @classmethod
    def of_class(cls, value):
        return cls, value

    @property
    @spanhouse.capture
    def price(self):
        return 3


def test_methods_of_every_kind(spans):
    """Bound, static and class methods and properties, whichever way round the decorators are."""
    shop = Shop()
    assert shop.method(1) == 1
    assert Shop.static(2) == shop.static(2) == 2
    assert Shop.static_inside(3) == 3
    assert Shop.of_class(4) == shop.of_class(4) == (Shop, 4)
    assert shop.price == 3
    assert [span.name for span in spans.named("method")] == [f"{__name__}.Shop.method"]
    assert [len(spans.named(name)) for name in ("static", "static_inside", "of_class", "price")] == [2, 1, 2, 1]


def test_a_class_has_its_public_methods_captured(spans):
    """Public functions of the class itself; dunders, private methods, properties and nested classes are left."""

    @spanhouse.capture(attributes={"layer": "model"})
    class Model:
        def __init__(self):
            self.n = 0

        def public(self):
            return self._private()

        def _private(self):
            return 5

        @staticmethod
        def static():
            return 6

        @classmethod
        async def later(cls):
            return cls

    assert inspect.isclass(Model)
    assert Model().public() == 5
    assert Model.static() == 6
    assert asyncio.run(Model.later()) is Model
    assert names(spans) == ["public", "static", "later"]
    assert spans[0].attributes["layer"] == "model"


@spanhouse.capture
def countdown(start):
    """Counts down."""
    for number in range(start, 0, -1):
        leaf()
        got = yield number
        if got:
            leaf()
    return "done"


def test_a_generator_is_one_span_from_first_step_to_exhaustion(spans):
    """Its own calls nest under it, the consumer's between two steps do not."""
    assert inspect.isgeneratorfunction(countdown)
    generator = countdown(2)
    assert len(spans) == 0
    assert next(generator) == 2
    assert leaf() is not None
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert generator.send("more") == 1
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "done"
    (whole,) = spans.named("countdown")
    children = [span.parent and span.parent.span_id == whole.context.span_id for span in spans.named("leaf")]
    assert children == [True, None, True, True]
    assert whole.status.status_code is StatusCode.UNSET


def test_wrong_arguments_of_a_generator_raise_at_the_call(spans):
    """Language reference, "Calls": TypeError where the call is, in the function's own words, and no span."""

    @spanhouse.capture
    async def ticks(count, *, step=1):
        yield count * step

    for call in (countdown, lambda: countdown(1, 2), lambda: countdown(nope=1), ticks, lambda: ticks(1, 2)):
        with pytest.raises(TypeError, match=r"(countdown|ticks)\(\)"):
            call()
    assert len(spans) == 0
    assert inspect.isgeneratorfunction(countdown)
    assert not inspect.isasyncgenfunction(countdown)
    assert inspect.isasyncgenfunction(ticks)
    assert str(inspect.signature(ticks)) == "(count, *, step=1)"
    assert inspect.isgenerator(countdown(1))
    assert countdown(1).__qualname__ == "countdown"
    assert inspect.isasyncgen(ticks(1))


def test_generators_under_a_debugger(spans):
    """sys.settrace, sys.setprofile: tools that watch every frame change nothing about a captured generator."""
    seen = []

    def watch(frame, event, argument):
        seen.append((frame.f_code.co_name, event))
        return watch

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(watch)
    sys.setprofile(watch)
    try:
        assert list(countdown(3)) == [3, 2, 1]
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    assert ("countdown", "return") in seen
    assert len(spans.named("countdown")) == 1


def test_a_generator_gets_what_is_sent_and_thrown(spans):
    """send, throw, close and yield from work as without the wrapper."""

    @spanhouse.capture
    def resilient():
        while True:
            try:
                yield leaf()
            except KeyError as error:
                yield f"caught {error}"

    @spanhouse.capture
    def outer():
        yield from resilient()

    generator = outer()
    next(generator)
    assert generator.throw(KeyError("k")) == "caught 'k'"
    generator.close()
    assert names(spans) == ["leaf", "resilient", "outer"]
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    inner, whole = spans.named("resilient")[0], spans.named("outer")[0]
    assert inner.parent.span_id == whole.context.span_id


def test_a_generator_that_raises_is_an_error(spans):
    """An exception of its own, or thrown in and not caught."""

    @spanhouse.capture
    def fails():
        yield 1
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(fails())
    generator = countdown(3)
    next(generator)
    with pytest.raises(LookupError):
        generator.throw(LookupError("thrown"))
    assert [span.status.status_code for span in (*spans.named("fails"), *spans.named("countdown"))] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
    ]


def test_a_generator_that_yields_inside_a_span_does_not_leak_it(spans):
    """Whatever the generator has entered is current again when it goes on, and never in the consumer."""

    @spanhouse.capture
    def steps():
        with spanhouse.span("inside"):
            yield leaf()
            yield leaf()

    generator = steps()
    next(generator)
    assert trace.get_current_span() is trace.INVALID_SPAN
    with spanhouse.span("consumer") as consumer:
        next(generator)
        assert trace.get_current_span() is consumer
    list(generator)
    inside = spans.named("inside")[0]
    assert {span.parent.span_id for span in spans.named("leaf")} == {inside.context.span_id}


def test_a_generator_may_be_finished_by_another_thread_or_context(spans, caplog):
    """Context API, "Detach Context": steps in copies of the context and in threads; quiet, and the span ends once."""
    generator = countdown(3)
    contextvars.copy_context().run(next, generator)
    thread = threading.Thread(target=next, args=(generator,))
    thread.start()
    thread.join()
    list(generator)
    assert len(spans.named("countdown")) == 1
    assert not caplog.records


def test_async_generators(spans):
    """As generators: context only inside, asend and athrow passed on, closed early, cancelled."""

    @spanhouse.capture
    async def ticks(count):
        for number in range(count):
            await asyncio.sleep(0)
            leaf()
            yield number

    async def consume():
        async for _ in ticks(2):
            assert trace.get_current_span() is trace.INVALID_SPAN
        early = ticks(5)
        await anext(early)
        await early.aclose()
        await asyncio.gather(*(exhaust(ticks(3)) for _ in range(3)))

    async def exhaust(generator):
        return [item async for item in generator]

    assert inspect.isasyncgenfunction(ticks)
    asyncio.run(consume())
    whole = spans.named("ticks")
    assert len(whole) == 5
    assert {span.status.status_code for span in whole} == {StatusCode.UNSET}
    assert {span.parent.span_id for span in spans.named("leaf")} == {span.context.span_id for span in whole}


def test_an_async_generator_dropped_half_way_is_closed_quietly(spans, caplog):
    """Context API, "Detach Context": the event loop closes it in another one; no error is logged, the span ends."""

    @spanhouse.capture
    async def endless():
        while True:
            yield leaf()

    async def consume():
        await anext(endless())

    asyncio.run(consume())
    assert len(spans.named("endless")) == 1
    assert not caplog.records


def test_cancellation_is_not_an_error(spans):
    """CancelledError, GeneratorExit and SystemExit end a span without an ERROR status; they pass through."""

    @spanhouse.capture
    async def sleeps():
        await asyncio.sleep(60)

    @spanhouse.capture
    def leaves():
        raise SystemExit(3)

    async def cancel():
        task = asyncio.create_task(sleeps())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    with pytest.raises(SystemExit):
        leaves()
    assert names(spans) == ["sleeps", "leaves"]
    assert {span.status.status_code for span in spans} == {StatusCode.UNSET}
    assert all(not span.events for span in spans)


def test_blocks(spans):
    """With and async with: attributes, nesting, the span itself, errors."""
    with spanhouse.span("outer", size=3) as outer:
        outer.set_attribute("more", True)
        with pytest.raises(KeyError), spanhouse.span("inner"):
            raise KeyError("x")

    async def block():
        async with spanhouse.span("later", n=1) as current:
            assert trace.get_current_span() is current

    asyncio.run(block())
    assert names(spans) == ["inner", "outer", "later"]
    assert spans[0].parent.span_id == spans[1].context.span_id
    assert spans[0].attributes["error.type"] == "KeyError"
    assert dict(spans[1].attributes) == {"size": 3, "more": True}


def test_record(spans):
    """A duration measured elsewhere, exactly as given, under the current span."""
    with spanhouse.span("outer"):
        spanhouse.record("query", 1_000_000_000, 3_500_000_000, attributes={"rows": 4})
    spanhouse.record("backwards", 5, 3)
    query = spans.named("query")[0]
    assert (query.start_time, query.end_time) == (1_000_000_000, 3_500_000_000)
    assert query.parent.span_id == spans.named("outer")[0].context.span_id
    assert query.attributes["rows"] == 4
    assert (spans.named("backwards")[0].start_time, spans.named("backwards")[0].end_time) == (5, 5)


def test_arguments_results_and_computed_attributes(spans, caplog):
    """args=, result= and callables among attributes=; a computation that fails is reported once, not raised."""

    @spanhouse.capture(
        args=("user", "limit"),
        result=True,
        attributes={"who": lambda call: call["user"].upper(), "bad": lambda call: 1 / 0, "fixed": 1},
        kind=SpanKind.CLIENT,
    )
    def find(user, *, limit=10):
        return [user] * 2

    find("ann")
    find(user="bob", limit=3)
    first, second = (dict(span.attributes) for span in spans)
    assert (first["spanhouse.arg.user"], first["spanhouse.arg.limit"], first["who"]) == ("ann", 10, "ANN")
    assert (second["spanhouse.arg.limit"], second["spanhouse.result"]) == (3, ("bob", "bob"))
    assert "bad" not in first
    assert first["fixed"] == 1
    assert spans[0].kind is SpanKind.CLIENT
    assert len([record for record in caplog.records if "bad" in record.getMessage()]) == 1
    with pytest.raises(TypeError, match="missing"):
        find()


def test_baggage_and_other_context_survive(spans):
    """A span is added to the context; everything else in it stays."""
    token = context.attach(baggage.set_baggage("tenant", "7"))
    try:
        seen = spanhouse.capture(lambda: baggage.get_baggage("tenant"))()
    finally:
        context.detach(token)
    assert seen == "7"


def test_callables_of_other_kinds(spans):
    """Builtins, partials and callable objects."""

    class Adder:
        def __call__(self, value):
            return value + 1

    assert spanhouse.capture(len)("abc") == 3
    assert spanhouse.capture(functools.partial(int, base=2))("11") == 3
    assert spanhouse.capture(Adder())(1) == 2
    assert [span.name for span in spans] == [
        "builtins.len",
        "builtins.int",
        f"{__name__}.test_callables_of_other_kinds.<locals>.Adder",
    ]


def test_wrapping_twice_counts_once(spans):
    """A function that is captured already is left as it is."""
    again = spanhouse.capture(leaf)
    assert again is leaf
    again()
    assert len(spans) == 1


def test_captured_functions_pickle_by_name():
    """As plain functions do."""
    assert pickle.loads(pickle.dumps(leaf)) is leaf


@pytest.mark.parametrize(
    "decorate",
    [
        lambda: spanhouse.capture(args=("nope",))(lambda yes: yes),
        lambda: spanhouse.capture(args="yes"),
        lambda: spanhouse.capture(attributes=3),
        lambda: spanhouse.capture(attributes={3: 4}),
        lambda: spanhouse.capture(result="yes"),
        lambda: spanhouse.capture(name="")(len),
        lambda: spanhouse.capture(name="x")(Shop),
        lambda: spanhouse.capture(colour="red"),
        lambda: spanhouse.span(3),
        lambda: spanhouse.record(None, 1, 2),
        lambda: spanhouse.record("x", 1.5, 2),
    ],
)
def test_bad_use_is_an_error_at_once(decorate):
    """When decorating or entering, never when calling."""
    with pytest.raises(TypeError, match=r"capture|span|record"):
        decorate()
    assert issubclass(CaptureError, TypeError)
