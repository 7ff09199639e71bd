"""The version of this distribution, and the name under which it reports.

Written here as in pyproject.toml, and compared by a test: asking importlib.metadata costs a third of the import.
"""

from typing import Final

__version__ = "0.1.0"
VERSION: Final = __version__
SCOPE_NAME: Final = "spanhouse"
"""Instrumentation scope of captured calls."""
