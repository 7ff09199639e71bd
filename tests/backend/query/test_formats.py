"""Answers as JSON, CSV and Arrow, compressed, and with validators, through the whole HTTP application."""

import csv
import dataclasses
import gzip
import io
import json

import brotli
import pyarrow as pa
import pytest
from otlp_requests import request
from query_house import MONDAY_10H

from spanhouse_backend.query.formats import ARROW, CSV, JSON, answer_table, chosen, qualities
from spanhouse_backend.query.questions import QUESTIONS
from spanhouse_backend.query.zstd import zstd

pytestmark = pytest.mark.over_both_stores

WINDOW = "since=2026-01-05T10:00Z&until=2026-01-05T10:02Z&service=formats"


@pytest.fixture(scope="module", autouse=True)
def stored(house):
    """Thirty functions of the service `formats`, enough to be compressed; one has a name that CSV has to quote."""
    names = ['say "hi", or\nnot', *(f"shop.function_{n}" for n in range(29))]
    house.insert(*(request("formats", range(1000, 9000, 700), name=name, start_ns=MONDAY_10H) for name in names))


def get(house, path, **headers):
    """One GET, with headers whose names are written with underscores."""
    return house.get(path, {name.replace("_", "-"): value for name, value in headers.items()})


def asked(house, question, form="json", more="", **headers):
    response = get(house, f"/api/v1/{question}?{WINDOW}&format={form}{more}", **headers)
    assert response.status_code == 200, response.text
    return response


def test_csv_has_the_rows_of_the_json_under_their_names(house):
    """Every value is the same text, names with quotes and line ends included; what is not in rows is in a header."""
    document = asked(house, "functions").json()
    response = asked(house, "functions", "csv")
    rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
    assert rows == [{name: str(value) for name, value in row.items()} for row in document["rows"]]
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["x-record-count"] == "30"
    assert json.loads(response.headers["x-spanhouse-answer"]) | {"rows": document["rows"]} == document


def test_nested_values_are_json_in_csv(house):
    """A percentile by name, and null as an empty field."""
    document = asked(house, "series", more="&step=1m&levels=p50").json()
    rows = list(csv.DictReader(io.StringIO(asked(house, "series", "csv", "&step=1m&levels=p50").text)))
    assert [json.loads(row["percentiles_ns"]) for row in rows] == [row["percentiles_ns"] for row in document["rows"]]
    assert (document["rows"][1]["mean_ns"], rows[1]["mean_ns"]) == (None, "")


@pytest.mark.parametrize("question", ["functions", "percentiles", "series", "heatmap", "spans", "services"])
def test_arrow_has_the_rows_of_the_json_in_typed_columns(house, question):
    """What pyarrow reads is what JSON says."""
    more = "&step=1m" if question in ("series", "heatmap") else ""
    document = asked(house, question, more=more).json()
    response = asked(house, question, "arrow", more)
    table = pa.ipc.open_stream(response.content).read_all()
    assert response.headers["content-type"] == ARROW.media_type
    assert table.to_pylist(maps_as_pydicts="strict") == document["rows"]
    assert int(response.headers["x-record-count"]) == len(document["rows"]) > 0


def test_integers_are_integers_in_arrow(house):
    table = pa.ipc.open_stream(asked(house, "functions", "arrow").content).read_all()
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert (types["p99_ns"], types["mean_ns"], types["name"]) == (pa.int64(), pa.float64(), pa.string())


def test_no_rows_are_an_empty_table(house):
    """With its header, and with its columns."""
    empty = f"functions?{WINDOW}&name=nobody&format="
    assert house.get(f"/api/v1/{empty}csv").text.startswith("service,name,calls,")
    table = pa.ipc.open_stream(house.get(f"/api/v1/{empty}arrow").content).read_all()
    assert (table.num_rows, table.schema.names[:2]) == (0, ["service", "name"])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_every_questions_rows_have_columns_in_arrow(house, question):
    """The engine takes the types of every field of every row."""
    written = house.run(house.queries.written(answer_table(question.row).sql, b"", "ArrowStream"))
    names = pa.ipc.open_stream(written).read_all().schema.names
    assert names == [field.name for field in dataclasses.fields(question.row)]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/csv", CSV),
        ("text/*", CSV),
        ("Text/CSV; q=0.5, application/json;q=0.4", CSV),
        ("application/json;q=0, */*", CSV),
        ("application/vnd.apache.arrow.stream", ARROW),
        ("text/html", None),
        ("text/csv;q=0", None),
        ("text/csv;q=rubbish", None),
    ],
)
def test_accept_chooses_the_format(accept, form):
    """By RFC 9110: the most specific range counts, then the quality, then our own order."""
    assert chosen("", accept) is form


def test_the_parameter_comes_before_accept(house):
    assert chosen("csv", "application/json") is CSV
    assert get(house, f"/api/v1/functions?{WINDOW}", accept="text/csv").text.startswith("service,name")


@pytest.mark.parametrize(
    ("query", "headers", "status", "parameter"),
    [
        ("format=xml", {}, 400, "format"),
        ("format=csv&format=csv", {}, 400, "format"),
        ("timeout=soon", {}, 400, "timeout"),
        ("timeout=0s", {}, 400, "timeout"),
        ("", {"accept": "text/html"}, 406, None),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(house, query, headers, status, parameter):
    response = get(house, f"/api/v1/functions?{query}", **headers)
    assert (response.status_code, response.json()["error"]["parameter"]) == (status, parameter)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("taken", "coding", "unpack"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip, deflate, br, zstd", "zstd", zstd.decompress),
        ("zstd;q=0.5, gzip", "gzip", gzip.decompress),
        ("br;q=0, *", "gzip", gzip.decompress),
    ],
)
def test_large_answers_are_compressed_as_the_client_likes_it_best(house, taken, coding, unpack):
    """And small ones are not; the content is the same, and the validator that of the coding."""
    whole = asked(house, "functions", accept_encoding="identity")
    assert "content-encoding" not in whole.headers
    packed, raw = house.packed(f"/api/v1/functions?{WINDOW}", {"Accept-Encoding": taken})
    tag = f'{whole.headers["etag"][:-1]}-{coding}"'
    assert (packed.headers["content-encoding"], packed.headers["etag"]) == (coding, tag)
    assert unpack(raw) == whole.content
    assert int(packed.headers["content-length"]) == len(raw) < len(whole.content) / 3
    small = f"/api/v1/functions?{WINDOW}&limit=1"
    assert "content-encoding" not in get(house, small, accept_encoding=taken).headers


@pytest.mark.parametrize("taken", ["", "identity", "deflate", "gzip;q=0, *", "br;q=0", "zstd;q=x"])
def test_who_takes_no_coding_of_ours_gets_the_content(house, taken):
    """An empty header, other codings, and those that are refused by name."""
    assert "content-encoding" not in asked(house, "functions", accept_encoding=taken).headers


def test_an_answer_that_is_known_is_not_sent_again(house):
    """304 with the headers that matter and no body, for exactly the representation that was sent."""
    tags = set()
    for form in ("json", "csv", "arrow"):
        for encoding in ("identity", "gzip", "br", "zstd"):
            first = asked(house, "functions", form, accept_encoding=encoding)
            tag = first.headers["etag"]
            assert tag.startswith('"')  # a strong one
            assert asked(house, "functions", form, accept_encoding=encoding).headers["etag"] == tag
            path = f"/api/v1/functions?{WINDOW}&format={form}"
            for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
                again = get(house, path, accept_encoding=encoding, if_none_match=known)
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
                assert again.headers["vary"] == "Accept, Accept-Encoding"
                assert again.headers["cache-control"] == "private, no-cache"
            assert get(house, path, accept_encoding=encoding, if_none_match='"x"').status_code == 200
            tags.add(tag)
    assert len(tags) == 12


def test_the_validator_changes_with_the_data(house):
    """A span that comes late changes a window of the past, and its tag."""
    before = asked(house, "services").headers["etag"]
    house.insert(request("formats", [1], name="late", start_ns=MONDAY_10H))
    after = asked(house, "services").headers["etag"]
    assert before != after


def test_qualities_are_read_whatever_is_sent():
    """Spaces, capitals and rubbish included."""
    assert qualities(" GZip ;Q=0.5 , br,;;, x;q=") == {"gzip": 0.5, "br": 1.0, "": 1.0, "x": 0.0}
