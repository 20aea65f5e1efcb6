"""Small logs written for tests, and the mapping to read them."""

from pathlib import Path

from hansa.edge.log_errors import EdgeRefusal
from hansa.edge.log_model import FeedLog, Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import Mapping, parse_mapping

NOW_MS = 1_800_000_000_000
"""2027-01-15: after everything in the tests' logs."""

START_MS = 1_709_251_200_000
"""2024-03-01T00:00Z."""

WIDE = """
[log]
device = "press-1"
format = "wide"
time = "time"
{log}
[[feed]]
name = "pieces"
kind = "counter"
column = "pieces"
unit = "piece"
{feed}
"""

LONG = """
[log]
device = "press-1"
format = "long"
time = "time"
item = "item"
value = "value"
{log}
[[feed]]
name = "pieces"
kind = "counter"
item = "pieces"
unit = "piece"
{feed}
"""

SHDR = """
[log]
device = "press-1"
format = "shdr"
{log}
[[feed]]
name = "pieces"
kind = "counter"
item = "pieces"
unit = "piece"
{feed}
"""

EXECUTION = """
[[feed]]
name = "execution"
kind = "state"
item = "execution"
"""


def mapping(text: str, log: str = "", feed: str = "") -> Mapping:
    """One of the mappings above, with lines added to [log] and to its feed (or whole feeds after it)."""
    return parse_mapping(text.format(log=log, feed=feed))


def write(folder: Path, text: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(
    folder: Path, text: str | bytes, mapped: Mapping, *, name: str = "log.csv", keep: bool | None = None
) -> Log:
    return read_log(write(folder, text, name), mapped, now_ms=NOW_MS, keep_good_rows=keep)


def good(feed: FeedLog) -> list[int]:
    """Values of the readings with a signal, in order of time."""
    return [value for value, lost in zip(feed.value, feed.lost, strict=True) if not lost]


def meaning(log: Log) -> object:
    """All that a log says, without where it stands."""
    return [
        (
            feed.spec.name,
            feed.at_ms,
            feed.span_ms,
            [feed.states[v] for v in feed.value] if feed.states else feed.value,
            bytes(feed.lost),
            feed.record,
            feed.falls,
        )
        for feed in log.feeds
    ]


def rows(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def minutes(feed: FeedLog) -> list[float]:
    """Minutes of the readings after 2024-03-01T00:00Z."""
    return [(at - START_MS) / 60_000 for at in feed.at_ms]


def told(refusal: EdgeRefusal) -> None:
    """A refusal is whole: it has its code, and a text in both languages."""
    assert refusal.code.startswith("edge.")
    assert refusal.zh
    assert refusal.en
