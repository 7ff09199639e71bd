"""Everything that one store holds, added to another: a partition at a time, checked, and as often as it takes.

Inserted into the tables themselves, spans would go through the views and be counted in the rollups, which are copied
too, once more. So a partition's rows are put into a table beside, compared there with what they were, and the whole
partition is then handed over, which no view hears of: the other store may take spans meanwhile. What is done is noted
in the other store, so a copy that was cut off goes on where it was.
"""

from collections.abc import Callable, Generator
from io import IOBase
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from spanhouse_backend.errors import StoreUnusable
from spanhouse_backend.store.literal import written_out
from spanhouse_backend.store.schema import query_text

# The other store has its own; of ours only those tables are copied that say what was sent.
_OWN_TABLES = "spanhouse_"
_COPIED_ALL_THE_SAME = frozenset({"spanhouse_batches", "spanhouse_rejected"})
_PIECE_BYTES = 1 << 20
# A second time the same rows are not the same insert.
_INSERT_SETTINGS = {"insert_deduplicate": 0}


class Partition(NamedTuple):
    """A part of one table, by time. Its rows may be added up by the engine at any time; its keys then stay."""

    table: str
    id: str
    rows: int


class Copied(NamedTuple):
    """What a copy came to for one table: rows there that were copied, now or by an earlier run."""

    table: str
    rows: int
    earlier_rows: int


class Copying:
    """Copies what `source` holds, where nothing is inserted, to `target`, two handles. One at a time to one target.

    Raises StoreUnusable when rows are not what they were, or the tables are of kinds that cannot be handed partitions.
    """

    def __init__(self, source: Client, target: Client) -> None:
        self._source = source
        self._target = target
        target.command(_sql("spanhouse_copied"))
        # What is compared after it was copied must not have been added up meanwhile. It holds until the process ends.
        source.command("SYSTEM STOP MERGES")
        ((self._name,),) = source.query(_sql("source")).result_rows
        rows = target.query(_sql("noted"), parameters={"source": self._name}).result_rows
        self._noted = {(table, name): (keys, bool(handed_over)) for table, name, keys, handed_over in rows}
        self._partitions = [
            Partition(*row) for row in source.query(_sql("partitions")).result_rows if _is_copied(row[0])
        ]

    def run(self, tell: Callable[[str, int, int], None]) -> list[Copied]:
        """Copies it, and says what there is. Also raises ClickHouseError.

        `tell` hears of each partition that is there: its table, its rows, and those of all partitions.
        """
        all_rows = sum(partition.rows for partition in self._partitions)
        copied: dict[str, Copied] = {}
        for partition in self._partitions:
            earlier = self._copy(partition)
            table, rows, earlier_rows = copied.get(partition.table, Copied(partition.table, 0, 0))
            copied[table] = Copied(table, rows + partition.rows, earlier_rows + (partition.rows if earlier else 0))
            tell(partition.table, partition.rows, all_rows)
        return list(copied.values())

    def _copy(self, partition: Partition) -> bool:
        """Whether it had been copied before."""
        staging = f"spanhouse_copy_of_{partition.table}"
        keys = self._keys(partition)
        noted, handed_over = self._noted.get((partition.table, partition.id), (None, False))
        # Fewer are what retention has left of them.
        if noted is not None and keys > noted:
            raise StoreUnusable(
                f"{partition.table} has rows of {partition.id} that came after its copy was begun: what a server went "
                "on storing in this directory cannot be told from what was copied; send it to the new server instead"
            )
        if handed_over:
            return True
        if noted is None:
            self._stage(partition, staging)
            self._note(partition, keys, handed_over=False)
        # Where it was noted and is not there any more, it was handed over, and only the note is missing.
        if noted is None or self._sums(self._target, staging, partition)[0]:
            move = {"staging": staging, "table": partition.table, "partition": partition.id}
            self._target.command(written_out(_sql("move_partition"), move))
        self._note(partition, keys, handed_over=True)
        self._target.command(query_text("drop_table.sql"), parameters={"table": staging})
        return False

    def _stage(self, partition: Partition, staging: str) -> None:
        """Puts the rows into a table of their own, and compares them."""
        self._target.command(query_text("drop_table.sql"), parameters={"table": staging})
        self._target.command(self._staging_table(partition.table, staging))
        asked = {"table": partition.table, "partition": partition.id}
        with self._source.raw_stream(_sql("rows"), parameters=asked, fmt="Native") as rows:
            self._target.raw_insert(staging, insert_block=_pieces(rows), fmt="Native", settings=_INSERT_SETTINGS)
        if self._sums(self._target, staging, partition) != self._sums(self._source, partition.table, partition):
            raise StoreUnusable(
                f"the rows of {partition.id} that arrived for {partition.table} are not those that were sent: none "
                "of them was kept, try again"
            )

    def _staging_table(self, table: str, staging: str) -> str:
        """A table that can hand partitions to `table`, and neither adds rows up nor lets them go."""
        found = self._target.query(_sql("keys"), parameters={"table": table}).result_rows
        if not found:
            raise StoreUnusable(f"there is no table {table} to copy to")
        engine, partition_key, sorting_key = found[0]
        if engine.startswith("Replicated") or not engine.endswith("MergeTree"):
            raise StoreUnusable(
                f"{table} is a {engine} table: one server's own tables can be copied to, not a cluster's"
            )
        # Both keys are what the engine says of tables that are ours: there is no placeholder for an expression.
        keys = f"PARTITION BY ({partition_key}) ORDER BY ({sorting_key})"
        return f"CREATE TABLE {staging} AS {table} ENGINE = MergeTree {keys}"

    def _sums(self, client: Client, table: str, partition: Partition) -> tuple[int, int | None]:
        """Rows and their checksum."""
        asked = {"table": table, "partition": partition.id}
        ((rows, checksum),) = client.query(_sql("checksum"), parameters=asked).result_rows
        return rows, checksum

    def _keys(self, partition: Partition) -> int:
        """How many rows there are at the source once all are added up that can be."""
        asked = {"table": partition.table, "partition": partition.id}
        ((rows, _),) = self._source.query(_sql("checksum"), parameters=asked, settings={"final": 1}).result_rows
        return int(rows)

    def _note(self, partition: Partition, keys: int, *, handed_over: bool) -> None:
        noted: dict[str, Any] = {
            "source": self._name,
            "table": partition.table,
            "partition": partition.id,
            "keys": keys,
            "handed_over": int(handed_over),
        }
        self._target.command(_sql("note"), parameters=noted)


def _sql(name: str) -> str:
    return query_text(f"copy/{name}.sql")


def _is_copied(table: str) -> bool:
    return not table.startswith(_OWN_TABLES) or table in _COPIED_ALL_THE_SAME


def _pieces(stream: IOBase) -> Generator[bytes, None, None]:
    while piece := stream.read(_PIECE_BYTES):
        yield piece
