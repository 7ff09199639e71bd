"""A connection to one machine of a cluster that means all of it: what is said of a table is said to every machine."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient

from spanhouse_backend.store.cluster import Cluster

# Another insert into the same table has not reached its quorum yet, or this replica has not got it yet.
_UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, _REPLICA_IS_NOT_IN_QUORUM = 286, 289
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = (0.02, 0.2)
Answer = TypeVar("Answer")


class ClusterClient(HttpClient):
    """Renders what is run (`Cluster`), and repeats what has to wait for its turn.

    Inserts of notes are one after the other (`insert_quorum_parallel = 0`), of all servers, and who comes too early is
    told so. All that we insert may be inserted again: it carries a token, or says the same.
    """

    def __init__(self, cluster: Cluster, **given: Any) -> None:
        self._cluster = cluster  # before the client asks its first question
        super().__init__(**given)

    def command(self, cmd: str, parameters: Any = None, *arguments: Any, **given: Any) -> Any:
        """Runs what `cmd` becomes; the answer is the last statement's."""
        bound = self._cluster.parameters(parameters) if isinstance(parameters, dict) else parameters
        run = super().command
        answer: Any = None
        for statement in self._cluster.statements(cmd):
            answer = _in_turn(lambda statement=statement: run(statement, bound, *arguments, **given))  # type: ignore[misc]
        return answer

    def query(self, query: Any = None, *arguments: Any, **given: Any) -> Any:
        """Asks what `query` becomes."""
        asked = self._cluster.query(query) if isinstance(query, str) else query
        ask = super().query
        return _in_turn(lambda: ask(asked, *arguments, **given))

    def raw_insert(self, *arguments: Any, **given: Any) -> Any:
        """Inserts."""
        insert = super().raw_insert
        return _in_turn(lambda: insert(*arguments, **given))


def _in_turn(call: Callable[[], Answer]) -> Answer:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return call()
        except DatabaseError as error:
            early = error.code in {_UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE, _REPLICA_IS_NOT_IN_QUORUM}
            if not early or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - nothing depends on nobody guessing it
