"""zstd, from the standard library where it has it, and from its backport where it has not."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
