"""The `spanhouse` command's entry point; `python -m spanhouse_backend` is the same.

The script is there with the base install too, which is what goes into other people's services. Commands that need
no more than that (`spanhouse run`) come from the client side by entry point, since the backend does not import it;
for all others this says what to install when the extra is missing.
"""

import os
import sys
from importlib.metadata import entry_points

from spanhouse_backend import COMMANDS_GROUP

# The packages of the extra `backend`, by the names they are imported under.
BACKEND_PACKAGES = frozenset(
    {
        "backports.zstd",
        "brotli",
        "chdb",
        "click",
        "clickhouse_cityhash",
        "clickhouse_connect",
        "fastapi",
        "fastapi_offline",
        "google.rpc",
        "grpc_health",
        "httpx",
        "lark",
        "lz4",
        "opentelemetry.proto",
        "plotly",
        "prometheus_client",
        "pydantic",
        "rich",
        "structlog",
        "urllib3",
        "uvicorn",
        "yaml",
    }
)


def main() -> None:
    """Runs the command line; exits 1 with the pip command when the extra is not installed."""
    for command in entry_points(group=COMMANDS_GROUP, name=sys.argv[1] if len(sys.argv) > 1 else ""):
        sys.exit(command.load()(sys.argv[2:]))
    # gRPC writes about every connection that ends untidily, at any rate, between the lines of whoever asked; read once,
    # when it is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        # Here, because each of these imports may be what is missing.
        from spanhouse_backend.cli import cli  # noqa: PLC0415

        cli(prog_name="spanhouse")
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not any(f"{missing}.".startswith(f"{package}.") for package in BACKEND_PACKAGES):
            raise
        sys.exit(
            f"spanhouse: {error.name} is not installed, which the command line and the server need; "
            "install it with: pip install 'spanhouse[backend]'"
        )


if __name__ == "__main__":
    main()
