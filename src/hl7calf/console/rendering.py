"""Templates into HTML. Law: everything is escaped, always; the filters that would mark text as safe do not exist here.

An undefined name is an error, not an empty place. Text is made readable (`shown`) before it is escaped.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hl7calf import __version__
from hl7calf.console import text

_HERE = Path(__file__).parent
_UNSAFE_FILTERS = ("safe", "tojson", "urlize", "xmlattr")
STATIC_TYPES = {
    ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}  # fmt: skip


class Templates:
    """The console's templates."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        for name in _UNSAFE_FILTERS:
            del self._environment.filters[name]
        self._environment.filters.update(
            shown=text.shown, masked=text.masked, kept=text.kept_text, as_text=text.bytes_shown, when=text.when,
            clock=text.clock, age=text.age, count=text.count, segments=text.segments_shown,
        )  # fmt: skip
        self._environment.globals.update(plural=text.plural, version=__version__, static_mark=static_mark())

    def draw(self, template: str, **values: Any) -> str:
        """Return a template drawn with these values."""
        return self._environment.get_template(template).render(**values)


def static_files() -> dict[str, tuple[str, bytes]]:
    """Return what the browser may fetch without being signed in: content type and bytes by name."""
    return {
        path.name: (STATIC_TYPES[path.suffix], path.read_bytes())
        for path in sorted((_HERE / "static").iterdir()) if path.suffix in STATIC_TYPES
    }  # fmt: skip


def static_mark() -> str:
    """Return a short digest of all static files, part of their addresses, so that browsers fetch new ones."""
    return sha256(b"".join(content for _, content in static_files().values())).hexdigest()[:10]
