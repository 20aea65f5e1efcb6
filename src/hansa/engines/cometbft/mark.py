"""How far the engine is with this ledger, kept in the ledger's own commits."""

from hansa.kernel import Natural, Struct

MARK = "engine"
"""Under which name it rests on disk."""


class Mark(Struct):
    height: Natural
    """Of the engine: its last block that is durable here."""
