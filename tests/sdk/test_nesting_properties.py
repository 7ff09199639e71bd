"""Whatever is interleaved how, every span's parent is what a plain stack of calls would say."""

import asyncio
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

import spanhouse
from spanhouse.testing import captured_spans

trees = st.recursive(st.just(()), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=12)


def label(path: tuple[int, ...]) -> str:
    return "n" + "".join(f"-{step}" for step in path)


def expected(tree, path) -> dict[str, str | None]:
    """Each node's parent, by label."""
    parents: dict[str, str | None] = {label(path): label(path[:-1]) if len(path) > 1 else None}
    for step, child in enumerate(tree):
        parents |= expected(child, (*path, step))
    return parents


def parents_in(spans) -> dict[str, str | None]:
    names = {span.context.span_id: span.name for span in spans}
    return {span.name: names[span.parent.span_id] if span.parent else None for span in spans}


def as_calls(tree, path):
    @spanhouse.capture(name=label(path))
    def node():
        for step, child in enumerate(tree):
            as_calls(child, (*path, step))()

    return node


def as_tasks(tree, path):
    @spanhouse.capture(name=label(path))
    async def node():
        await asyncio.sleep(0)
        await asyncio.gather(*(as_tasks(child, (*path, step))() for step, child in enumerate(tree)))
        await asyncio.sleep(0)

    return node


def as_generator(tree, path):
    """Yields before, between and after its children, each of which is stepped to its end."""

    @spanhouse.capture(name=label(path))
    def node():
        yield
        for step, child in enumerate(tree):
            for _ in as_generator(child, (*path, step))():
                yield
        with spanhouse.span(f"{label(path)}-block"):
            yield

    return node


def as_async_generator(tree, path):
    @spanhouse.capture(name=label(path))
    async def node():
        yield
        for step, child in enumerate(tree):
            async for _ in as_async_generator(child, (*path, step))():
                await asyncio.sleep(0)
                yield

    return node


@settings(max_examples=40)
@given(st.lists(trees, min_size=1, max_size=4))
def test_threads(roots):
    """Each thread has its own stack."""
    with captured_spans() as spans:
        threads = [threading.Thread(target=as_calls(tree, (number,))) for number, tree in enumerate(roots)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wanted: dict = {}
        for number, tree in enumerate(roots):
            wanted |= expected(tree, (number,))
        assert parents_in(spans) == wanted


@settings(max_examples=40)
@given(st.lists(trees, min_size=1, max_size=4))
def test_tasks(roots):
    """Tasks inherit the context in which they were made, and change only their own."""

    async def everything():
        await asyncio.gather(*(as_tasks(tree, (number,))() for number, tree in enumerate(roots)))

    with captured_spans() as spans:
        asyncio.run(everything())
        wanted: dict = {}
        for number, tree in enumerate(roots):
            wanted |= expected(tree, (number,))
        assert parents_in(spans) == wanted


@settings(max_examples=80)
@given(st.lists(trees, min_size=1, max_size=4), st.data())
def test_generators_stepped_in_any_order(roots, data):
    """Generators of one thread, interleaved at random, some abandoned: none sees another's context."""
    with captured_spans() as spans:
        running = {number: as_generator(tree, (number,))() for number, tree in enumerate(roots)}
        started = set()
        while running:
            number = data.draw(st.sampled_from(sorted(running)))
            if data.draw(st.integers(0, 19)) == 0:
                running.pop(number).close()
                continue
            started.add(number)
            if next(running[number], "over") == "over":
                running.pop(number)
        seen = parents_in(spans)
        for number in started:
            wanted = expected(roots[number], (number,))
            for name, parent in seen.items():
                if name in wanted:
                    assert parent == wanted[name]
                elif name.removesuffix("-block") in wanted:
                    assert parent == name.removesuffix("-block")
            assert label((number,)) in seen


@settings(max_examples=40)
@given(st.lists(trees, min_size=1, max_size=4), st.integers(1, 5))
def test_async_generators_in_tasks(roots, most):
    """Consumed to the end or closed early, in tasks that run into each other."""

    async def consume(number, tree):
        generator = as_async_generator(tree, (number,))()
        taken = 0
        async for _ in generator:
            taken += 1
            if taken == most:
                break
        await generator.aclose()

    async def everything():
        await asyncio.gather(*(consume(number, tree) for number, tree in enumerate(roots)))

    with captured_spans() as spans:
        asyncio.run(everything())
        wanted: dict = {}
        for number, tree in enumerate(roots):
            wanted |= expected(tree, (number,))
        seen = parents_in(spans)
        assert seen.items() <= wanted.items()
        assert {label((number,)) for number in range(len(roots))} <= seen.keys()
