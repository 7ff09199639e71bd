"""Every error that one part of the backend raises for another to handle.

SpanhouseError
├── SettingsError        a setting that cannot be used, by name
├── StoreError           the store cannot do what was asked
│   ├── StoreHeld        the data directory is in use by another process
│   ├── StoreUnusable    the data directory or server cannot be used as it is, or what is there is not ours
│   ├── MalformedData    the engine could not decode what it was given: the sender's fault
│   ├── BackupRefused    no backup can be made as things stand
│   ├── Contested        (store/rejection.py) another server stores, or has stored, some of these requests
│   ├── BadPattern       the engine cannot read a regular expression: the asker's fault
│   └── StoreUnavailable everything else the engine refuses: worth trying again
├── Overloaded           more is waiting than may wait: worth trying again later
├── QuestionTooSlow      a question that was not answered in the time it had
├── QuestionTooLarge     a question that needs more memory than one may have
├── ClientGone           whoever asked does not wait for the answer any more
├── StatementFailed      a statement that a user wrote, which the engine refused or a limit stopped
├── TooLarge             a request that will never be taken in as it is: more than may be stored at once
└── InvalidQuestion      a query parameter that makes no sense, by name

A dependency's own errors are translated where it is called, in store/translate.py, and appear nowhere else.
"""


class SpanhouseError(Exception):
    """The base of all of ours; its text is written for the person who reads it."""


class SettingsError(SpanhouseError):
    """A setting that cannot be used. The text names the option."""


class StoreError(SpanhouseError):
    """The store cannot do what was asked."""


class StoreHeld(StoreError):
    """The data directory belongs to another process for as long as that one lives.

    `grpc` is where that process answers queries, '' when it does not say. `pid` is its id, 0 when that is not known.
    """

    def __init__(self, message: str, grpc: str = "", pid: int = 0) -> None:
        super().__init__(message)
        self.grpc = grpc
        self.pid = pid


class StoreUnusable(StoreError):
    """The data directory or ClickHouse server cannot be used as it is, or what is there is not ours."""


class MalformedData(StoreError):
    """The engine could not decode what it was given."""


class BackupRefused(StoreError):
    """No backup can be made as things stand: another is being made, or the data is not in a directory of ours."""


class BadPattern(StoreError):
    """The engine cannot read a regular expression; `problem` is what it says of it."""

    def __init__(self, message: str, problem: str) -> None:
        super().__init__(message)
        self.problem = problem


class StoreUnavailable(StoreError):
    """The engine or the disk refused for a reason that lies with it, not with the sender."""


class Overloaded(SpanhouseError):
    """More is waiting to be stored, or to be answered, than may wait. `retry_seconds` is when there may be room."""

    def __init__(self, message: str, retry_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class TooLarge(SpanhouseError):
    """A request that will never be taken in as it is, however often it is sent."""


class QuestionTooSlow(SpanhouseError):
    """A question that was not answered in the `seconds` it had."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the question was not answered within {seconds:g} s and was stopped: ask for a shorter window, without "
            "exact, or give it more time (--query-timeout is the server's limit)"
        )


class QuestionTooLarge(SpanhouseError):
    """A question that needs more memory than one may have."""

    def __init__(self, memory_bytes: int) -> None:
        super().__init__(
            f"the question needs more than the {memory_bytes} bytes of memory that one may have: ask for a shorter "
            "window, fewer groups or fewer rows (--query-max-memory-bytes is the server's limit)"
        )


class ClientGone(SpanhouseError):
    """Whoever asked does not wait for the answer any more."""


class StatementFailed(SpanhouseError):
    """A statement that a user wrote, which the engine refused or a limit stopped; the text is the engine's.

    `code` is ClickHouse's number for what went wrong, None when it gave none.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class InvalidQuestion(SpanhouseError):
    """A query parameter that makes no sense.

    `parameter` is its name as the caller wrote it; the text says what is wrong with its value. Of a value that is
    itself a small language, `text` is the value and `column` where in it the trouble is, counted from 1.
    """

    def __init__(self, parameter: str, problem: str, *, text: str = "", column: int | None = None) -> None:
        where = "" if column is None else f"column {column}: "
        super().__init__(f"{parameter}: {where}{problem}")
        self.parameter = parameter
        self.problem = problem
        self.text = text
        self.column = column

    @property
    def pointed(self) -> str:
        """The problem, and below it the value with a caret under its column; for terminals."""
        if self.column is None:
            return self.problem
        # Whatever is not printable would put the caret in the wrong place, or steer the terminal.
        line = "".join(char if char.isprintable() else " " for char in self.text)
        return f"{self.problem}\n  {line}\n  {' ' * (self.column - 1)}^"
