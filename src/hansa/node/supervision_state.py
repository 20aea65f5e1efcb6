"""What the supervisor of a folder does, and what it met: `run/supervisor.json`, written by it alone.

`hansa node status` and the node itself read it: so its incidents stand among the node's, in one list.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from hansa.kernel.apply import Incident
from hansa.kernel.types import Natural, Struct, TimeMs
from hansa.node.supervision import Told

STATE_FILE = Path("run") / "supervisor.json"
MET_MAX = 20
CAUSE_CHARS_MAX = 1_000
WHAT = {"pausing": "restarted", "waiting": "failing", "held": "held"}
"""States that somebody should hear of, and what they are called among incidents."""


class Met(Struct):
    """Why the supervisor started both anew, waits, or holds them."""

    at_ms: TimeMs
    state: str
    cause: str
    cause_zh: str = ""


class Supervised(Struct):
    """What the supervisor of a folder does."""

    pid: Natural
    state: str
    since_ms: TimeMs
    restarts: Natural
    cause: str = ""
    cause_zh: str = ""
    children: dict[str, Natural] = {}
    met: tuple[Met, ...] = ()
    """Newest last; those of earlier supervisors of this folder among them."""


def keep(directory: Path, now: Told, at_ms: int) -> None:
    """Write it down. A full disk is no reason to end."""
    path = directory / STATE_FILE
    state = Supervised(
        os.getpid(), now.state, at_ms, now.restarts, now.cause, now.cause_zh, dict(now.pids),
        _met(supervised(directory), now, at_ms),
    )  # fmt: skip
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.write_bytes(msgspec.json.encode(state))
        part.replace(path)
    except OSError:
        with suppress(OSError):  # Nor may a disk that takes nothing be.
            part.unlink()


def _met(before: Supervised | None, now: Told, at_ms: int) -> tuple[Met, ...]:
    known = before.met if before is not None else ()
    still_held = before is not None and before.state == now.state == "held"
    if now.state not in WHAT or still_held:
        return known
    new = Met(at_ms, now.state, now.cause[:CAUSE_CHARS_MAX], now.cause_zh[:CAUSE_CHARS_MAX])
    return (*known, new)[-MET_MAX:]


def supervised(directory: Path) -> Supervised | None:
    """What the supervisor of a folder wrote last; None where it never ran."""
    try:
        return msgspec.json.decode((directory / STATE_FILE).read_bytes(), type=Supervised)
    except (OSError, msgspec.MsgspecError):
        return None


def met(directory: Path) -> list[Incident]:
    """What it met, as incidents of the node. Newest last."""
    now = supervised(directory)
    found = now.met if now is not None else ()
    return [Incident(WHAT.get(one.state, "held"), one.cause, one.cause_zh, at_ms=one.at_ms) for one in found]
