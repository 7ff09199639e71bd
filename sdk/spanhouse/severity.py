"""Levels of Python's logging as OpenTelemetry's severities.

The numbers and words are those of OpenTelemetry's own handler (`opentelemetry.instrumentation.log_utils`), so that a
program which changes from the one to the other changes nothing else: four severities to each level of Python's. Only
levels below DEBUG, which that handler leaves unspecified, are TRACE here: a filter by severity finds them.
"""

_FINEST, _COARSEST = 10, 53
_OF_A_LEVEL = 4
_TRACE, _DEBUG, _FATAL4 = 1, 5, 24
_WORDS = {"WARNING": "WARN", "CRITICAL": "FATAL"}


def number(level: int) -> int:
    """OpenTelemetry's SeverityNumber, 1 (TRACE) to 24 (FATAL4); 0, unspecified, for NOTSET and what is below."""
    if level < _FINEST:
        return _TRACE if level > 0 else 0
    if level > _COARSEST:
        return _FATAL4
    tens, above = divmod(level - _FINEST, 10)
    return _DEBUG + _OF_A_LEVEL * tens + min(above, _OF_A_LEVEL - 1)


def word(level_name: str) -> str:
    """SeverityText: Python's name of the level, where OpenTelemetry has no other for it."""
    return _WORDS.get(level_name, level_name)
