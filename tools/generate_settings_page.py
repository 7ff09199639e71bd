"""Writes docs/settings.md from the table in settings.py; with --check, says whether the page is current."""

import sys
from pathlib import Path

from spanhouse_backend.serve_settings import SERVE_SETTINGS

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """\
# Settings

Written by `tools/generate_settings_page.py` from the tables in the code; an option wins over its variable.

## `spanhouse serve`

| option | variable | default | what it sets |
| --- | --- | --- | --- |
"""
TAIL = """\
| `--insecure-listen` | | | Let in whoever connects, also from other machines: without this, an address that they can \
reach needs `--tokens` or `--tls-client-ca`. |
"""


def page() -> str:
    """The whole page."""
    rows = [
        f"| `--{setting.name} {setting.metavar}` | `{setting.environment}` | "
        f"{f'`{setting.default}`' if setting.default else ''} | {setting.help} |\n"
        for setting in SERVE_SETTINGS
    ]
    return HEAD + "".join(rows) + TAIL


def main() -> int:
    """Exit code 1 when --check finds a difference."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") != page():
        print("docs/settings.md is stale; run: python tools/generate_settings_page.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
