"""From the TOML file to checked settings.

Law: every error names its key, the line where it can, and for an unknown key the nearest known one.
Values never appear in an error: a settings file may hold a database password.
"""

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from hl7calf.config.rules import check_rules
from hl7calf.config.settings import Settings, tables
from hl7calf.errors import SettingsError

_TABLE = re.compile(r"\s*\[(\[?)\s*([A-Za-z0-9_.\s\"-]+?)\s*\]")
_KEY = re.compile(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=")


def load_settings(path: Path) -> Settings:
    """Read and check a settings file; relative paths in it are relative to its folder.

    Raises:
        SettingsError: what is wrong, at which key and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(path.name, "there is no such settings file", "`hl7calf init DIR` writes one") from None
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsError(path.name, f"cannot be read: {type(wrong).__name__}") from None
    return parse_settings(text, path.resolve().parent)


def parse_settings(text: str, folder: Path) -> Settings:
    """Read and check the text of a settings file, as if it stood in `folder`.

    Raises:
        SettingsError: what is wrong, at which key and line.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise SettingsError("settings", f"not TOML: {_without_values(str(wrong))}") from None
    _refuse_unknown(data, text)
    try:
        settings = msgspec.convert(data, Settings)
    except msgspec.ValidationError as wrong:
        raise _explained(str(wrong), text) from None
    try:
        check_rules(settings)
    except SettingsError as wrong:
        raise _with_line(wrong, text) from None
    return _resolved(settings, folder)


def _refuse_unknown(data: dict[str, Any], text: str) -> None:
    known = tables()
    tops = {name for name in known if "." not in name}
    _check_keys(data, tops, "", text)
    for name in tops:
        entries = data.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list) else [entries], 1):
            if not isinstance(entry, dict):
                continue
            prefix = f"{name}[{number}]" if isinstance(entries, list) else name
            _check_keys(entry, set(known[name].__struct_fields__), prefix, text)
            for key, value in entry.items():
                inner = known.get(f"{name}.{key}")
                if inner is not None and isinstance(value, dict):
                    _check_keys(value, set(inner.__struct_fields__), f"{prefix}.{key}", text)


def _check_keys(entry: dict[str, Any], known: set[str], prefix: str, text: str) -> None:
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), 1, 0.0)
            path = f"{prefix}.{key}" if prefix else key
            raise _with_line(SettingsError(path, "is not a setting", f"the nearest is {near[0]}"), text)


def _explained(why: str, text: str) -> SettingsError:
    """Turn "Expected `int`, got `str` - at `$.route[0].connections`" into a key, counted from 1, and a sentence."""
    sentence, _, place = why.partition(" - at `$")
    key = re.sub(r"\[(\d+)\]", lambda m: f"[{int(m[1]) + 1}]", place.strip("`.")) or "settings"
    key = re.sub(r"(\.[a-z_]+)\[[^]]*\]$", r"\1", key)  # an item of a list or table: its key is what to look at
    missing = re.search(r"missing required field `(\w+)`", sentence)
    if missing:
        inner = missing[1] if key == "settings" else f"{key}.{missing[1]}"
        return _with_line(SettingsError(inner, "is missing"), text)
    if sentence.startswith("Invalid enum value"):
        return _with_line(SettingsError(key, "is none of the values it can take", _choices(key)), text)
    return _with_line(SettingsError(key, sentence[0].lower() + sentence[1:].replace("`", "")), text)


def _choices(key: str) -> str:
    """Return the words that a key of the kind "one of these" takes."""
    table, _, name = re.sub(r"\[\d+\]", "", key).rpartition(".")
    hint = str(get_type_hints(tables()[table]).get(name, ""))
    return ", ".join(re.findall(r"'([a-z]+)'", hint))


def _with_line(wrong: SettingsError, text: str) -> SettingsError:
    line = line_of(wrong.key, text)
    return SettingsError(wrong.key, f"{wrong.why} (line {line})", wrong.hint) if line else wrong


def line_of(key: str, text: str) -> int:
    """Return the 1-based line of a key such as `route[2].listen` or `route[1].tls.key`; 0 when it is not there.

    A table's own line stands in for a key that is missing from it.
    """
    wanted, _, last = re.sub(r"\[(\d+)\]", r".\1", key).rpartition(".")
    at, counts, fallback = "", dict[str, int](), 0
    for number, line in enumerate(text.splitlines(), 1):
        table = _TABLE.match(line)
        if table:
            at = table[2].replace('"', "").replace(" ", "")
            if table[1]:
                counts[at] = counts.get(at, 0) + 1
                at = f"{at}.{counts[at]}"
            elif at.partition(".")[0] in counts:  # [route.tls] belongs to the last [[route]]
                head, _, rest = at.partition(".")
                at = f"{head}.{counts[head]}.{rest}"
            if at in (wanted, f"{wanted}.{last}".strip(".")):
                fallback = number
            continue
        found = _KEY.match(line)
        if found and at == wanted and found[1] == last:
            return number
        if found and f"{at}.{found[1]}" == wanted:  # an inline table: its line holds the key
            fallback = number
    return fallback


def _without_values(why: str) -> str:
    """Keep of a TOML error what and where, not the text that was quoted."""
    return re.sub(r"(['\"]).*?\1", "...", why)


def _resolved(settings: Settings, folder: Path) -> Settings:
    replace = msgspec.structs.replace

    def under(path: str) -> str:
        return str(folder / path) if path else ""

    routes = []
    for route in settings.route:
        tls, forward = route.tls, route.forward_tls
        if tls is not None:
            tls = replace(
                tls,
                certificate=under(tls.certificate),
                key=under(tls.key),
                client_ca=under(tls.client_ca),
                revoked=under(tls.revoked),
            )
        if forward is not None:
            forward = replace(
                forward, ca=under(forward.ca), certificate=under(forward.certificate), key=under(forward.key)
            )
        routes.append(replace(route, tls=tls, forward_tls=forward))
    service = replace(
        settings.service, data_dir=under(settings.service.data_dir), mappings=under(settings.service.mappings)
    )
    return replace(settings, service=service, route=tuple(routes))
