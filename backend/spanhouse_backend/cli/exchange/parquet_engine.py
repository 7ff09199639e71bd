"""The engine as a process that runs one statement, between standard input and standard output; see parquet.py.

Run as a script, and importing nothing of ours: it has to be there quickly.
"""

import sys
from pathlib import Path

import chdb


def main() -> None:
    """Runs an `insert` or a `select`, in the file that is named; exits 1 with the engine's complaint."""
    kind, path = sys.argv[1:]
    sql = Path(path).read_text(encoding="utf-8")
    connection = chdb.connect(":memory:")  # type: ignore[no-untyped-call]
    try:
        if kind == "insert":
            connection.query(sql)
        else:
            for block in connection.send_query(sql, "JSONEachRow"):
                sys.stdout.buffer.write(block.bytes())
    except RuntimeError as error:  # chdb's own errors are of this kind
        sys.exit(str(error).partition("DB::Exception: ")[2] or str(error))
    finally:
        connection.close()


if __name__ == "__main__":
    main()
