"""Asking a spanhouse server: the clients, what they answer with, and what they raise."""

from spanhouse.query.answer import Answer
from spanhouse.query.asking import SqlAnswer, Time
from spanhouse.query.client import AsyncClient, Client
from spanhouse.query.errors import InvalidQuestion, NotFound, QueryError, TimedOut, Unauthorized, Unavailable

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "InvalidQuestion",
    "NotFound",
    "QueryError",
    "SqlAnswer",
    "Time",
    "TimedOut",
    "Unauthorized",
    "Unavailable",
]
