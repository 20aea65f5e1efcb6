"""What this node found: a file of evidence each, kept for ever, and for whom it may still cosign.

Whoever holds evidence against an operator cosigns none of its headers, in this process or any later one: the
files themselves say so, no memory does. A member may put a case aside; the file stays, and who did so lies
beside it.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar

from hansa.apps.consortium.handovers import Handover
from hansa.client.case import FORMAT, Case, Kind
from hansa.client.files import write_over
from hansa.client.texts import Text
from hansa.kernel import Struct, encode, replace
from hansa.kernel.canonical import Malformed, NotCanonical, decode_strict
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.types import Hash, OptionalId, TimeMs
from hansa.node import errors_follower as errors
from hansa.node.logs import note

CASES_MAX = 64
"""Files kept of each kind against the same member, without those put aside: more prove no more."""
NOTE_EVERY_MS = 60_000
"""A note is replaced by the next one at most so often."""
NOTES = ("note", "clock")
"""They accuse nobody: of each member's the newest is kept."""
ACCUSING = ("difference", "two_histories", "dropped")
UNTRUSTED = (*ACCUSING, "own_disk")
"""Kinds after which this node does not cosign."""
FOUND_ANEW = ("difference", "own_disk")
"""Put aside they are looked at again; what is found again counts again."""
ASIDE = ".aside"

S = TypeVar("S", bound=Struct)


class SetAside(Struct):
    """A member's word that a case no longer keeps its node from cosigning."""

    format: Literal["hansa-aside-1"]
    case: Hash
    """SHA-256 of the case's file."""
    at_ms: TimeMs
    by: OptionalId
    """The member."""
    person: str
    """Who said so: the login at the machine."""
    again_ms: TimeMs = 0
    """When the same was found again, so that the word no longer counts; 0: it was not."""


class Casebook:
    """The cases in a folder. May be used by several threads. Raises CaseFileBroken at opening."""

    def __init__(
        self, folder: Path, member: str, clock: Callable[[], int], tell: Callable[[Case], None] | None = None
    ) -> None:
        self.folder, self._member, self._clock, self._tell = folder, member, clock, tell
        self._lock = Lock()
        self.handovers: Callable[[], Sequence[Handover]] = tuple
        """Each change of the cosigners that this node can prove: what accuses brings them along."""
        self.left_out = 0
        """Cases beyond CASES_MAX of their kind and member, since the start."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cases = {path.name: _read(path, Case) for path in sorted(folder.glob("*.json"))}
        self._aside = {path.stem: _read(path, SetAside) for path in sorted(folder.glob("*" + ASIDE))}
        for name in [name for name, word in self._aside.items() if word.case != self._digest(name)]:
            del self._aside[name]  # It was said of another file.
        self._look()

    def report(self, kind: Kind, height: int, text: Text, mark: str = "", **evidence: object) -> Case:
        """Write a case down; the same evidence again only adds what is new. On disk when this returns.

        `mark` tells cases of one height apart; of a note it is the member whom it is about. `evidence`:
        further fields of Case.
        """
        if kind in ACCUSING:
            evidence = {"handovers": self._handed_over(height)} | evidence
        case = Case(
            format=FORMAT,
            kind=kind,
            height=height,
            found_ms=self._clock(),
            by=self._member,
            zh=text.zh,
            en=text.en,
            **evidence,  # type: ignore[arg-type]  # fields of Case, by the callers
        )
        with self._lock:
            name = self._name(case, mark)
            before = self._cases.get(name)
            if before is not None and kind not in NOTES:
                case = replace(case, found_ms=before.found_ms)
            news = self._counts_again(name, case)
            if case != before and self.word_on(name) is None and self._has_room(case, before):
                news = True
                write_over(self.folder / name, encode(case))
                self._cases[name] = case
            self._look()
        if news and self._tell is not None:
            self._tell(case)
        return case

    def _handed_over(self, height: int) -> tuple[Handover, ...]:
        """The changes of the cosigners up to a height; none where the disk fails: the case comes first."""
        try:
            return tuple(each for each in self.handovers() if each.head.header.height <= height)
        except (OSError, sqlite3.Error, Refusal) as error:
            note("a case is kept without its handovers", 40, height=height, error=type(error).__name__)
            return ()

    def _name(self, case: Case, mark: str) -> str:
        """The file of a case: other evidence of the same place has a file of its own."""
        if case.kind in NOTES:
            return f"{case.kind}-{mark}.json"
        stem = f"{case.kind}-{case.height:012d}{mark and '-'}{mark}"
        for n in count(1):
            name = f"{stem}{f'-{n}' if n > 1 else ''}.json"
            if name not in self._cases or _evidence(self._cases[name]) == _evidence(case):
                return name
        raise AssertionError

    def _has_room(self, case: Case, before: Case | None) -> bool:
        if case.kind in NOTES:
            return before is None or not 0 <= case.found_ms - before.found_ms < NOTE_EVERY_MS
        if before is None and self._kept[case.kind, case.against] >= CASES_MAX:
            self.left_out += 1
            return False
        return True

    def _counts_again(self, name: str, case: Case) -> bool:
        """A case that was put aside, if it is one to be found anew."""
        aside = self._aside.get(name)
        if aside is None or aside.again_ms or case.kind not in FOUND_ANEW:
            return False
        self._keep(name, replace(aside, again_ms=self._clock()))
        return True

    def get(self, name: str) -> Case:
        """The case in a file that keeps this node from cosigning. Raises CaseUnknown."""
        case = self._cases.get(name)
        if case is None or case.kind not in UNTRUSTED:
            known = sorted(each for each, found in self._cases.items() if found.kind in UNTRUSTED)
            raise errors.CaseUnknown(case=shown(name), known=", ".join(known) or "-")
        return case

    def set_aside(self, name: str, person: str) -> None:
        """A member's word: this case no longer keeps its node from cosigning. Its file stays as it is.

        `name`: of the file. On disk when this returns. Raises CaseUnknown.
        """
        with self._lock:
            self.get(name)
            word = SetAside(
                format="hansa-aside-1",
                case=self._digest(name),
                at_ms=self._clock(),
                by=self._member,
                person=shown(person),
            )
            self._keep(name, word)
            self._look()

    def _digest(self, name: str) -> str:
        path = self.folder / name
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    def _keep(self, name: str, word: SetAside) -> None:
        write_over(self.folder / (name + ASIDE), encode(word))
        self._aside[name] = word

    def _look(self) -> None:
        """What halts, for `halt` to be cheap: it is asked for each block."""
        live = [
            (self._cases[name].found_ms, name)
            for name in self._cases
            if self._cases[name].kind in UNTRUSTED and self.word_on(name) is None
        ]
        self._first: dict[str, str] = {}
        for _, name in sorted(live):
            self._first.setdefault(self._cases[name].against, name)
        self._kept = Counter((self._cases[name].kind, self._cases[name].against) for _, name in live)

    def all(self) -> list[tuple[str, Case]]:
        """(path of the file, case), the oldest first; those put aside as well."""
        with self._lock:
            found = sorted(self._cases.items(), key=lambda item: (item[1].found_ms, item[0]))
        return [(str(self.folder / name), case) for name, case in found]

    def word_on(self, path: str) -> SetAside | None:
        """Who put a case aside; None while it counts."""
        word = self._aside.get(Path(path).name)
        return None if word is None or word.again_ms else word

    def halt(self, operator: str = "") -> str:
        """The file because of which this node does not cosign this operator's headers; "" while it may.

        Its own damaged disk halts it whoever operates. Without an operator: any such file.
        """
        first = self._first
        if not operator:
            name = next(iter(first.values()), "")
        else:
            name = first.get("") or first.get(operator, "")
        return str(self.folder / name) if name else ""

    def accused(self, operator: str = "") -> Case | None:
        """The first case that counts against this operator; without one: against anybody."""
        first, cases = self._first, self._cases
        names = [first.get(operator)] if operator else [name for member, name in first.items() if member]
        return next((cases[name] for name in names if name), None)


def _read(path: Path, kind: type[S]) -> S:
    try:
        return decode_strict(path.read_bytes(), kind)
    except (OSError, Malformed, NotCanonical) as error:
        raise errors.CaseFileBroken(path=str(path), detail=shown(str(error))) from None


def _evidence(case: Case) -> Case:
    """Without what may be told otherwise of the same evidence."""
    return replace(case, found_ms=0, zh="", en="", difference=None, handovers=())
