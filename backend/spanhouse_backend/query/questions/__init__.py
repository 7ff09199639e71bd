"""The questions, one module each, in the order in which they are listed to people."""

from typing import Any

from spanhouse_backend.query.question import Question
from spanhouse_backend.query.questions.functions import Functions
from spanhouse_backend.query.questions.trace import Trace

QUESTIONS: tuple[type[Question[Any]], ...] = (Functions, Trace)
