"""Handlers of real frameworks, captured; other libraries' instrumentation on our provider."""

import asyncio
import sys

import pytest
from opentelemetry import trace

import spanhouse
from spanhouse.testing import captured_spans


def get(app, url, **headers):
    """One request through an ASGI application, in an event loop of its own."""
    httpx = pytest.importorskip("httpx")

    async def request():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(url, headers=headers)

    return asyncio.run(request())


@pytest.fixture
def spans():
    with captured_spans() as captured:
        yield captured


def test_fastapi(spans):
    """Sync, async and generator-dependency functions: parameters are still found by their annotations."""
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    @spanhouse.capture
    def session():
        yield "session"

    @app.get("/sync/{item}")
    @spanhouse.capture(args=("item",))
    def sync_route(item: int, limit: int = 5):
        return {"item": item, "limit": limit}

    @app.get("/async/{item}")
    @spanhouse.capture
    async def async_route(item: int, db: str = fastapi.Depends(session)):
        await asyncio.sleep(0)
        return {"item": item, "db": db}

    assert get(app, "/sync/3?limit=7").json() == {"item": 3, "limit": 7}
    assert get(app, "/async/4").json() == {"item": 4, "db": "session"}
    assert get(app, "/sync/x").status_code == 422
    assert [span.name.rpartition(".")[2] for span in spans] == ["sync_route", "async_route", "session"]
    assert spans[0].attributes["spanhouse.arg.item"] == 3


def test_starlette(spans):
    """Endpoints are recognised as functions and as coroutine functions."""
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import PlainTextResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    @spanhouse.capture
    def plain(request):
        return PlainTextResponse(request.path_params["name"])

    @spanhouse.capture
    async def later(request):
        return PlainTextResponse("later")

    app = applications.Starlette(routes=[Route("/plain/{name}", plain), Route("/later", later)])
    assert get(app, "/plain/ann").text == "ann"
    assert get(app, "/later").text == "later"
    assert [span.name.rpartition(".")[2] for span in spans] == ["plain", "later"]


def test_flask(spans):
    """Routes keep their endpoint names."""
    flask = pytest.importorskip("flask")
    app = flask.Flask("app")

    @app.get("/hello/<name>")
    @spanhouse.capture
    def hello(name):
        return f"hello {name}, {flask.url_for('hello', name='x')}"

    @app.get("/fails")
    @spanhouse.capture
    def fails():
        flask.abort(404)

    client = app.test_client()
    assert client.get("/hello/ann").text == "hello ann, /hello/x"
    assert client.get("/fails").status_code == 404
    assert [span.name.rpartition(".")[2] for span in spans] == ["hello", "fails"]
    assert spans[1].attributes["error.type"] == "werkzeug.exceptions.NotFound"


def test_django(spans):
    """Function views, sync and async, through the real request cycle."""
    pytest.importorskip("django")
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415
    from django.http import HttpResponse  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    if not settings.configured:
        settings.configure(ROOT_URLCONF="captured_urls", ALLOWED_HOSTS=["*"], SECRET_KEY="test", USE_TZ=True)
        django.setup()

    @spanhouse.capture
    def view(request, name):
        return HttpResponse(f"hello {name}")

    @spanhouse.capture
    async def async_view(request):
        await asyncio.sleep(0)
        return HttpResponse("later")

    urls = type(sys)("captured_urls")
    urls.urlpatterns = [path("hello/<str:name>/", view), path("later/", async_view)]
    sys.modules["captured_urls"] = urls
    from django.test import Client  # noqa: PLC0415

    client = Client()
    assert client.get("/hello/ann/").content == b"hello ann"
    assert client.get("/later/").content == b"later"
    assert [span.name.rpartition(".")[2] for span in spans] == ["view", "async_view"]


def test_celery(spans):
    """Tasks keep their names and signatures; run eagerly and through the worker's own call path."""
    celery = pytest.importorskip("celery")
    app = celery.Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.task_always_eager = True

    @app.task(name="shop.add")
    @spanhouse.capture
    def add(left, right):
        return left + right

    assert add.delay(2, 3).get(timeout=10) == 5
    assert add.apply(args=(1,), kwargs={"right": 1}).get() == 2
    app.conf.task_always_eager = False
    with pytest.raises(TypeError, match="missing"):
        add.delay(1)  # checked against the captured function's signature before anything is sent
    assert [span.name.rpartition(".")[2] for span in spans] == ["add", "add"]


def test_other_instrumentation_nests(spans):
    """Requests' instrumentation on our provider: its client span is a child of ours, and the header carries it."""
    requests = pytest.importorskip("requests")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.requests")
    from http.server import BaseHTTPRequestHandler, HTTPServer  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["traceparent"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args): ...

    provider = spanhouse.TracerProvider(export=False)
    provider.add_span_processor(spans)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        instrumentor = instrumentation.RequestsInstrumentor()
        instrumentor.instrument(tracer_provider=provider)
        try:

            @spanhouse.capture
            def fetch():
                return requests.get(f"http://127.0.0.1:{server.server_port}/x", timeout=10)

            assert fetch().status_code == 204
        finally:
            instrumentor.uninstrument()
            server.shutdown()
            thread.join()
    (ours,) = spans.named("fetch")
    (theirs,) = spans.children_of(ours)
    assert theirs.kind is trace.SpanKind.CLIENT
    assert theirs.context.trace_id == ours.context.trace_id
    assert seen == [f"00-{theirs.context.trace_id:032x}-{theirs.context.span_id:016x}-03"]


def test_fastapi_instrumentation_is_the_parent(spans):
    """The server span of another library, on our provider, above a captured route."""
    fastapi = pytest.importorskip("fastapi")
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.fastapi")
    provider = spanhouse.TracerProvider(export=False)
    provider.add_span_processor(spans)
    app = fastapi.FastAPI()

    @app.get("/items/{item}")
    @spanhouse.capture
    async def route(item: int):
        return item

    instrumentation.FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert get(app, "/items/3", traceparent=header).json() == 3
    (server,) = [span for span in spans if span.kind is trace.SpanKind.SERVER]
    (captured,) = spans.named("route")
    assert captured.parent.span_id == server.context.span_id
    assert f"{server.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{server.parent.span_id:016x}" == "b7ad6b7169203331"
    assert server.parent.is_remote
