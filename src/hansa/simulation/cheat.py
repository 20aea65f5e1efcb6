"""What became of a trial in which the operator cheats."""

from dataclasses import dataclass

from hansa.client.texts import Text


@dataclass(frozen=True)
class Cheat:
    """What was done, who found it, and what that follower says. `caught_by` "": nobody found it."""

    kind: str
    done: Text
    caught_by: str = ""
    code: str = ""
    found: Text | None = None
    after_ms: int = 0
