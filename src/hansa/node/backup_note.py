"""When a directory was last backed up, kept beside the ledger."""

from pathlib import Path

from hansa.client.files import write_over
from hansa.kernel import Struct, encode
from hansa.kernel.canonical import Malformed, NotCanonical, decode_strict
from hansa.kernel.types import Natural, TimeMs

NAME = "last-backup.json"


class BackupNote(Struct):
    """The last backup that was made whole."""

    at_ms: TimeMs
    height: Natural
    to: str
    """The folder, as it was named."""


def read_note(directory: Path) -> BackupNote | None:
    """None where there was no backup, or the note cannot be read: then another backup is due anyway."""
    try:
        return decode_strict((directory / NAME).read_bytes(), BackupNote)
    except (OSError, Malformed, NotCanonical):
        return None


def write_note(directory: Path, note: BackupNote) -> None:
    """Keep it. Raises OSError."""
    write_over(directory / NAME, encode(note))
