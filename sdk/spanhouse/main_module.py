"""What the module that Python calls `__main__` is really called.

`__main__.work` says nothing where several scripts share a service, and becomes `__mp_main__.work` in the processes
that multiprocessing spawns. Only the names of spans change by this: pickling goes by the function's own `__module__`.
"""

import sys
from pathlib import PurePath

_NAMES = ("__main__", "__mp_main__")


def real_name(module: str) -> str:
    """The name under which `module` could be imported; `__main__` itself where there is no file, as in a REPL."""
    if module not in _NAMES:
        return module
    running = sys.modules.get(module)
    spec = getattr(running, "__spec__", None)  # set by `python -m`, and for a folder or archive that is run
    name = str(getattr(spec, "name", "")).removesuffix(".__main__")
    if name and name != "__main__":
        return name
    path = PurePath(str(getattr(running, "__file__", None) or ""))
    stem = path.parent.stem if path.stem == "__main__" else path.stem
    return stem if stem and not stem.startswith("<") else "__main__"  # <stdin> is no file
