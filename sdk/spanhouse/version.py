"""The version of this distribution, and the name under which it reports."""

from importlib import metadata
from typing import Final

__version__ = metadata.version("spanhouse")
VERSION: Final = __version__
SCOPE_NAME: Final = "spanhouse"
"""Instrumentation scope of captured calls."""
