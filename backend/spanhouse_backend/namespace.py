"""Namespaces: sets of tables of their own on one server, each in its own database, told apart by who asks.

'' is the namespace of a server that has no others. A token belongs to one; on a server without tokens whoever asks
names one in the header, or gRPC metadata, HEADER.
"""

import re
from pathlib import Path

from spanhouse_backend.errors import SettingsError

HEADER = "x-spanhouse-namespace"
MAX_NAMESPACES = 32
"""Each has tables, views, handles and threads of its own."""
PATTERN = r"[a-z][a-z0-9_]{0,30}"
_NAME = re.compile(PATTERN)
_FOLDER = "namespaces"


def parse_namespace(text: str, option: str) -> str:
    """A namespace's name. Raises SettingsError beginning with `option`."""
    if not _NAME.fullmatch(text):
        raise SettingsError(
            f"{option}: {text[:100]!r} is not a namespace: small letters, digits and _, at most 31, a letter first"
        )
    return text


def parse_namespaces(text: str, option: str) -> tuple[str, ...]:
    """Names with commas between them. Raises SettingsError, also for one that is given twice."""
    names = tuple(parse_namespace(name.strip(), option) for name in text.split(",")) if text.strip() else ()
    if len(set(names)) < len(names):
        raise SettingsError(f"{option}: a namespace is named twice")
    if len(names) > MAX_NAMESPACES:
        raise SettingsError(f"{option}: {len(names)} namespaces are more than the {MAX_NAMESPACES} that a server has")
    return names


def namespace_folder(data: Path, namespace: str) -> Path:
    """Where a data directory keeps what belongs to a namespace, beside its tables."""
    return data / _FOLDER / namespace


def kept_namespaces(data: Path) -> tuple[str, ...]:
    """Those that a data directory has tables of, by name; '' is not told. Raises OSError."""
    folder = data / _FOLDER
    return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()


def shown(namespace: str) -> str:
    """As it is named in messages."""
    return f"the namespace {namespace}" if namespace else "the namespace without a name"
