"""What administrators are told, on the wire: the messages of admin.proto, both ways, and JSON's own types."""

from dataclasses import asdict, fields
from typing import Any

from spanhouse_backend.admin.answers import RetentionAnswer, StoredTable
from spanhouse_backend.retention import age_text
from spanhouse_proto import admin_pb2

_FIELDS = tuple(field.name for field in fields(StoredTable))


def retention_to_proto(answer: RetentionAnswer) -> admin_pb2.Retention:
    """The answer as a message."""
    return admin_pb2.Retention(
        kept=[admin_pb2.KeptRows(kind=kind, seconds=seconds) for kind, seconds in answer.kept.items()],
        tables=[admin_pb2.StoredTable(**asdict(table)) for table in answer.tables],
    )


def retention_from_proto(message: admin_pb2.Retention) -> RetentionAnswer:
    """The answer in a message; what a newer server adds to it is left out."""
    return RetentionAnswer(
        {kept.kind: kept.seconds for kept in message.kept},
        tuple(StoredTable(**{name: getattr(table, name) for name in _FIELDS}) for table in message.tables),
    )


def retention_document(answer: RetentionAnswer) -> dict[str, Any]:
    """The answer as JSON's own types; ages as people write them, so that an answer can be sent back as a change."""
    return {
        "retention": {kind: age_text(seconds) for kind, seconds in answer.kept.items()},
        "tables": [asdict(table) for table in answer.tables],
    }
