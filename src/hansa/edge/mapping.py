"""The mapping file: what the columns or items of a machine's log mean. TOML, decoded strictly.

`docs/reference/mapping.toml` shows every key with its meaning. An unknown key is refused by name.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from hansa.edge import log_limits as limits
from hansa.edge.log_errors import refusal, shown
from hansa.edge.mapping_checks import check_mapping
from hansa.edge.mapping_model import Availability, FeedSpec, LegalUse, LogFormat, Mapping, Oee

__all__ = [
    "Availability",
    "FeedSpec",
    "LegalUse",
    "LogFormat",
    "Mapping",
    "Oee",
    "load_mapping",
    "parse_mapping",
]


def load_mapping(path: Path) -> Mapping:
    """Reads and checks a mapping file. Raises EdgeRefusal, naming the key at fault."""
    try:
        if path.stat().st_size > limits.MAPPING_BYTES_MAX:
            raise refusal(
                "edge.file_too_large",
                "mapping",
                file=path.name,
                value=path.stat().st_size,
                limit=limits.MAPPING_BYTES_MAX,
            )
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        detail = error.strerror if isinstance(error, OSError) else "UTF-8"
        raise refusal("edge.mapping_unreadable", "mapping", file=path.name, detail=str(detail)) from None
    return parse_mapping(text, path.name)


def parse_mapping(text: str, name: str = "mapping.toml") -> Mapping:
    """The mapping in that TOML text. Raises EdgeRefusal, naming the key at fault."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise refusal("edge.mapping_syntax", "mapping", file=name, detail=shown(str(error), 120)) from None
    mapping = _converted(raw)
    check_mapping(mapping)
    return mapping


def _converted(raw: dict[str, Any]) -> Mapping:
    try:
        return msgspec.convert(raw, Mapping)
    except msgspec.ValidationError as error:
        message = str(error)
    where = re.search(r"at `(?:key in )?\$?\.?([^`]*)`", message)
    at = re.sub(r"^feed\[(\d+)\]", lambda m: _feed_called(raw, int(m[1])), where[1] if where else "")
    at = at or "mapping"
    key = re.search(r"(unknown|required) field `([^`]*)`", message)
    if key and key[1] == "unknown":
        raise refusal("edge.mapping_unknown_key", f"{at}.{key[2]}", at=f"[{at}]", key=shown(key[2]))
    if key:
        raise refusal("edge.mapping_missing_key", f"{at}.{key[2]}", at=f"[{at}]", key=key[2])
    raise refusal("edge.mapping_type", at, detail=shown(message.split(" - at")[0], 160))


def _feed_called(raw: dict[str, Any], number: int) -> str:
    """`feed[pieces]` where it has a name, else by its place from 1."""
    feed = raw["feed"][number]
    name = feed.get("name") if isinstance(feed, dict) else None
    return f"feed[{shown(name) if name and isinstance(name, str) else number + 1}]"
