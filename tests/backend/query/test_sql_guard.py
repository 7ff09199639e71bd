"""Raw SQL reads our tables and nothing else: the real engine's own parse decides, before anything is run."""

import re
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from hostile_statements import HOSTILE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanhouse_backend.errors import InvalidQuestion, StatementFailed, StoreError
from spanhouse_backend.query.sql_checker import MAX_STATEMENT_BYTES
from spanhouse_backend.query.sql_names import HIGHER_ORDER, TABLE_FUNCTIONS, Refused, check_function
from spanhouse_backend.query.sql_reader import SqlReader

SECRET = "only-the-server-may-read-this"


class Watched:
    """A sandbox that notes which statements got as far as being run."""

    def __init__(self, sandbox):
        self.parser = sandbox.parser
        self._run = sandbox.run
        self.ran = []

    async def run(self, sql, parameters, output_format):
        self.ran.append(sql)
        return await self._run(sql, parameters, output_format)


@pytest.fixture(scope="module")
def watched(sandbox):
    return Watched(sandbox)


@pytest.fixture(scope="module")
def refusal(house, watched):
    """Asks a statement that has to be refused, and returns in which words; nothing may have been run for it."""
    reader = SqlReader(watched, house.store.database)

    def ask(statement):
        before = len(watched.ran)
        with pytest.raises(InvalidQuestion) as refused:
            house.run(reader.run(statement, {}, "TabSeparated"))
        assert watched.ran[before:] == []
        return str(refused.value)

    return ask


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    path = tmp_path_factory.mktemp("canary") / "secret.txt"
    path.write_text(SECRET)
    return path


def _aimed(statement, canary):
    return statement.replace("CANARY", str(canary)).replace("TARGET", str(canary.with_name("written")))


@pytest.mark.parametrize("statement", HOSTILE)
def test_what_reaches_further_is_refused_before_it_is_run(refusal, canary, statement):
    """In words that do not give away what the statement was after, and that name the parameter."""
    message = refusal(_aimed(statement, canary))
    assert message.startswith(("query: ", "param_"))
    assert SECRET not in message
    assert [path.name for path in canary.parent.iterdir()] == ["secret.txt"]


def _swap_case(text):
    """Strings keep their case: only names and keywords change."""
    return "".join(part if part[:1] in {"'", "$"} else part.swapcase() for part in re.split(r"('[^']*')", text))


def _spread(text, gap):
    return "".join(part if part[:1] == "'" else part.replace(" ", gap) for part in re.split(r"('[^']*')", text))


# Without quotes that are not in pairs: what is put into gaps is meant to stay outside of strings.
PLAIN = [s for s in HOSTILE if "file('CANARY')" in s and not re.search(r"[\"`$#\\]|--|/\*|''''", s)]


GAPS = [" ", "\n", "\t", "\r", "\f", "\v", "\u00a0", "\u3000", "/**/", "/* ' */", "-- '\n", '# "\n', "/*+ x */"]


@given(
    statement=st.sampled_from(PLAIN),
    gap=st.lists(st.sampled_from(GAPS), min_size=1, max_size=4).map(lambda gaps: " " + "".join(gaps)),
    swapped=st.booleans(),
    quoted=st.sampled_from(["file", "`file`", '"file"', "FILE", "`f\\x69le`", '"fi\\x6ce"']),
    tail=st.sampled_from(["", ";", " ;; ", " -- x", " /* x", " FORMAT JSON", "\0", "\n\n"]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_no_spelling_of_a_forbidden_call_gets_through(refusal, canary, statement, gap, swapped, quoted, tail):
    """Case, white space, comments, quotes and escapes change nothing: the engine's own tree has the one name."""
    spelled = _spread(_swap_case(statement) if swapped else statement, gap)
    spelled = re.sub(r"(?i)\bfile(?=\()", lambda _: quoted, spelled)
    assert SECRET not in refusal(_aimed(spelled, canary) + tail)


@given(st.text(max_size=200) | st.lists(st.sampled_from(" ".join(HOSTILE).split()), max_size=30).map(" ".join))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_text_is_answered_or_refused(house, watched, canary, text):
    """Nothing but our own errors comes of what is not SQL at all, and what is run reads no file."""
    reader = SqlReader(watched, house.store.database)
    with suppress(InvalidQuestion, StatementFailed):
        house.run(reader.run(_aimed(text, canary), {}, "TabSeparated"))
    assert all(str(canary) not in ran or "file(" not in ran.lower() for ran in watched.ran)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 30_000,
        "SELECT " + "f(" * 30_000,
        "SELECT " + "[" * 30_000 + "]" * 30_000,
        "SELECT " + "CASE WHEN " * 6_000,
        "SELECT 1" + " + 1" * 15_000,
        "SELECT " + "NOT " * 15_000 + "1",
        "SELECT " + "x -> " * 12_000 + "1",
        "SELECT * FROM " + "(SELECT * FROM " * 4_000,
        "SELECT " + "INTERVAL " * 7_000,
        "SELECT a" + ".a" * 30_000,
        "SELECT '" + "\\" * 60_000,
        "/*" * 30_000,
        "SELECT 1" + " " * MAX_STATEMENT_BYTES,
        "\ud800",
        "",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_texts_made_to_exhaust_the_parser_are_refused(refusal, text):
    """Neither the engine's stack nor ours overflows, and the message does not repeat the text."""
    assert len(refusal(text)) < 2_000


def test_a_refusal_says_what_is_not_open_and_what_to_do(refusal):
    assert refusal("SELECT file('x')") == "query: the function file is not open to SQL"
    assert "numbers() and values() are" in refusal("SELECT * FROM url('http://x')")
    assert "SHOW TABLES" in refusal("SELECT * FROM spans")
    assert "only SELECT, SHOW, DESCRIBE and EXPLAIN are answered here, and this is DROP" in refusal("DROP TABLE a")
    assert "this is EXECUTEAS" in refusal("EXECUTE AS x SELECT 1")
    assert "the server sets the limits" in refusal("SELECT 1 SETTINGS max_threads = 1")
    assert "the answer comes back to you" in refusal("SELECT 1 INTO OUTFILE 'x'")
    assert "Multi-statements are not allowed" in refusal("SELECT 1; SELECT 2")
    assert refusal("SELECT 1 +").startswith("query: Syntax error: failed at position")


def _names(text):
    return {word for line in text.splitlines() if not line.startswith("#") for word in line.split()}


def test_every_function_of_the_engine_has_been_looked_at(house):
    """Each is allowed or refused by name; a version of the engine that brings others fails here, and refuses them."""
    engine = {name for (name,) in house.run(house.store.fetch("SELECT name FROM system.functions", {})).rows}
    allowed = (files("spanhouse_backend.query") / "sql" / "allowed_functions.txt").read_text(encoding="utf-8")
    refused = Path(__file__).with_name("refused_functions.txt").read_text(encoding="utf-8")
    syntax = {"exists", "grouping", "lambda"}
    assert engine == (_names(allowed) - syntax) | _names(refused)
    for name in engine:
        expected = name in _names(allowed)
        try:
            check_function(name)
            passed = True
        except Refused:
            passed = False
        # Also says that no allowed name in another case, and no allowed name with a combinator, is a refused one.
        assert passed == expected, name
    assert not TABLE_FUNCTIONS & engine


def test_only_known_functions_take_the_name_of_another_for_a_lambda(house, canary):
    """`arrayMap(file, ..)` calls file without brackets; no function that is not watched for that does the same."""
    listed = house.run(house.store.fetch("SELECT lower(name) FROM system.functions WHERE higher_order", {})).rows
    assert {name for (name,) in listed} == HIGHER_ORDER
    (proof,) = house.run(house.store.fetch(f"SELECT arrayMap(file, ['{canary}'])", {})).rows[0]
    assert proof == [SECRET]
    allowed = (files("spanhouse_backend.query") / "sql" / "allowed_functions.txt").read_text(encoding="utf-8")
    for name in sorted(_names(allowed)):
        if name.lower() not in HIGHER_ORDER:
            with suppress(StoreError):
                (row,) = house.run(house.store.fetch(f"SELECT {name}(file, ['{canary}'])", {})).rows
                assert SECRET not in str(row), name


def test_every_table_of_ours_is_either_read_or_kept(house):
    """The rule that tells them apart by name fits all that the schema makes."""
    tables = {name for (name,) in house.run(house.store.fetch("SHOW TABLES", {})).rows}
    kept = {name for name in tables if re.fullmatch(r"otlp_.*|spanhouse_(?!(batches|rejected)$).*", name)}
    open_to_sql = {name for name in tables if re.fullmatch(r"(otel|span)_.*|spanhouse_(batches|rejected)", name)}
    assert tables == kept | open_to_sql
    assert {"spanhouse_migrations", "otlp_traces_landing"} <= kept
