"""One stream of log lines for all processes of a node: a JSON object a line, on standard error.

The application's lines are JSON already and gain `process`; the engine's are brought to the same names. What
is no JSON (a panic's trace) becomes the text of a line. Nobody waits for a reader that does not read: lines
that find no room are counted and left out.
"""

import json
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

LINES_WAITING_MAX = 5_000
LINE_BYTES_MAX = 16_384
VALUE_CHARS_MAX = 1_000
LINES_KEPT = 40
"""Last lines of each process, to say why it ended."""
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
DONE = None


def now_text() -> str:
    seconds = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds * 1_000) % 1_000:03d}Z"


def line_of(process: str, raw: bytes) -> dict[str, Any]:
    """What a process wrote, as one of our lines."""
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {
            "time": now_text(),
            "level": "info",
            "event": "output",
            "process": process,
            "text": _short(text),
        }
    if "_msg" in found:
        found = {
            "time": found.pop("ts", now_text()),
            "level": {"warn": "warning"}.get(found["level"], found.pop("level"))
            if "level" in found
            else "info",
            "event": found.pop("_msg"),
            **{name: value for name, value in found.items() if name != "level"},
        }
    return {name: _short(value) for name, value in found.items()} | {"process": process}


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > VALUE_CHARS_MAX:
        return value[: VALUE_CHARS_MAX - 1] + "…"
    return value


class Stream:
    """Takes lines from any thread; one thread of its own writes them."""

    def __init__(self, level: str = "info", out: IO[str] | None = None) -> None:
        self._least = LEVELS.get(level, LEVELS["info"])
        self._out = out or sys.stderr
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(LINES_WAITING_MAX)
        self._left_out = 0
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._writer.start()

    def note(self, event: str, level: str = "info", **fields: Any) -> None:
        """A line of the supervisor itself."""
        self.put({"time": now_text(), "level": level, "event": event, "process": "supervisor", **fields})

    def put(self, line: dict[str, Any]) -> None:
        if LEVELS.get(str(line.get("level")), LEVELS["info"]) < self._least:
            return
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._left_out += 1

    def close(self, within_s: float = 2.0) -> None:
        """Write what waits, if the reader takes it in time."""
        try:
            self._waiting.put(DONE, timeout=within_s)
        except queue.Full:
            return
        self._writer.join(within_s)

    def _write(self) -> None:
        while (line := self._waiting.get()) is not DONE:
            if self._left_out:
                line, self._left_out = {**line, "left_out": self._left_out}, 0
            try:
                self._out.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
                self._out.flush()
            except (OSError, ValueError):
                self._left_out += 1  # Nobody reads any more: the node goes on.


class Reader(threading.Thread):
    """Reads what one process writes until it ends; `heard` is told of each line."""

    def __init__(
        self, process: str, pipe: IO[bytes], stream: Stream, heard: Callable[[dict[str, Any]], None]
    ) -> None:
        super().__init__(name=f"log {process}", daemon=True)
        self._process, self._pipe, self._stream, self._heard = process, pipe, stream, heard
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        """Raw, as they came."""

    def run(self) -> None:
        while raw := self._pipe.readline(LINE_BYTES_MAX):
            if not raw.strip():
                continue
            self.last.append(raw.decode("utf-8", "replace").rstrip())
            line = line_of(self._process, raw)
            self._heard(line)
            self._stream.put(line)
        self._pipe.close()
