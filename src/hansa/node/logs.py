"""Structured logs: a JSON object a line, on standard error. No bodies, no texts, no personal data."""

import json
import logging
import sys
import time
from typing import Any

LOG = logging.getLogger("hansa.node")


class JsonFormatter(logging.Formatter):
    """`time`, `level`, `event`, and whatever a line was given as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def start_logging(level: str) -> None:
    """Send the node's and the server's lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name in ("hansa.node", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper() if name == "hansa.node" else "WARNING")


def note(event: str, level: int = logging.INFO, *, trace: bool = False, **fields: Any) -> None:
    """One line; with `trace`, that of the exception which is handled."""
    if LOG.isEnabledFor(level):
        LOG.log(level, event, exc_info=trace, extra={"fields": fields})


class Sparse:
    """At most so many lines a second; what was left out is counted in the next that goes out."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._written = self._left_out = 0

    def note(self, event: str, level: int = logging.INFO, **fields: Any) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._written = second, 0
        if self._written >= self._per_second:
            self._left_out += 1
            return
        self._written += 1
        if self._left_out:
            fields["left_out"] = self._left_out
            self._left_out = 0
        note(event, level, **fields)
