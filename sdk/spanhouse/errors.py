"""What spanhouse raises: only where it is used wrongly, at import or decoration time, never during a call.

SpanhouseError
+-- CaptureError (also a TypeError)      something that cannot be captured, or an option that makes no sense
+-- ConfigurationError (also a ValueError)
"""


class SpanhouseError(Exception):
    """Base of all exceptions of this package."""


class CaptureError(SpanhouseError, TypeError):
    """`capture` or `span` was given something it cannot work with."""


class ConfigurationError(SpanhouseError, ValueError):
    """`configure` was given a value that makes no sense."""
