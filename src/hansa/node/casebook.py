"""What this node found: a file of evidence each, kept for ever, and whether it may still cosign.

Whoever holds evidence against the operator does not cosign, in this process or any later one: the files
themselves say so, no memory does.
"""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from hansa.client.case import FORMAT, Case, Kind
from hansa.client.texts import Text
from hansa.kernel import encode
from hansa.kernel.canonical import Malformed, NotCanonical, decode_strict
from hansa.kernel.refusal import shown
from hansa.node import errors_follower as errors

CASES_MAX = 1_000
"""Files kept; what comes after is counted and reported only. The first ones prove what there is to prove."""
ACCUSING = ("difference", "two_histories", "dropped")
UNTRUSTED = (*ACCUSING, "own_disk")
"""Kinds after which this node cosigns nothing more."""


class Casebook:
    """The cases in a folder. May be used by several threads. Raises CaseFileBroken at opening."""

    def __init__(
        self, folder: Path, member: str, clock: Callable[[], int], tell: Callable[[Case], None] | None = None
    ) -> None:
        self.folder, self._member, self._clock, self._tell = folder, member, clock, tell
        self._lock = Lock()
        self._left_out = 0
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cases: dict[str, Case] = {}
        for path in sorted(folder.glob("*.json")):
            try:
                self._cases[path.name] = decode_strict(path.read_bytes(), Case)
            except (OSError, Malformed, NotCanonical) as error:
                raise errors.CaseFileBroken(path=str(path), detail=shown(str(error))) from None

    def report(self, kind: Kind, height: int, text: Text, mark: str = "", **evidence: object) -> Case:
        """Write a case down; the same kind, height and mark again only adds what is new.

        On disk when this returns. `evidence`: further fields of Case.
        """
        name = f"{kind}-{height:012d}{mark and '-'}{mark}.json"
        with self._lock:
            before = self._cases.get(name)
            case = Case(
                format=FORMAT,
                kind=kind,
                height=height,
                found_ms=before.found_ms if before else self._clock(),
                by=self._member,
                zh=text.zh,
                en=text.en,
                **evidence,  # type: ignore[arg-type]  # fields of Case, by the callers below
            )
            if before is None and len(self._cases) >= CASES_MAX:
                self._left_out += 1
                return case
            if case != before:
                _write(self.folder / name, encode(case))
                self._cases[name] = case
        if case != before and self._tell is not None:
            self._tell(case)
        return case

    def all(self) -> list[tuple[str, Case]]:
        """(path of the file, case), the oldest first."""
        with self._lock:
            found = sorted(self._cases.items(), key=lambda item: (item[1].found_ms, item[0]))
        return [(str(self.folder / name), case) for name, case in found]

    def halt(self) -> str:
        """The file because of which this node no longer cosigns; "" while it may."""
        return next((path for path, case in self.all() if case.kind in UNTRUSTED), "")

    def accused(self) -> Case | None:
        """The first case against the operator."""
        return next((case for _, case in self.all() if case.kind in ACCUSING), None)

    @property
    def left_out(self) -> int:
        """Cases for which there was no room."""
        return self._left_out


def _write(path: Path, data: bytes) -> None:
    """All of it, or what was there before, also when the machine stops."""
    made = path.with_suffix(".part")
    with made.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
