"""Signs what this node has executed, and hands its signatures to the operator (rule 27).

One header per height, on disk before it leaves. It signs the newest header it has, each at which the set of
cosigners changes, and, while it keeps up, every sixteenth: so under load all cosigners have some in common.
"""

import sqlite3
from collections.abc import Callable
from threading import Condition, Event, Thread
from typing import NamedTuple

from hansa.apps.consortium.handovers import InForce
from hansa.client import errors as client_errors
from hansa.engines.following import Following
from hansa.kernel.evidence import Cosignature
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer
from hansa.node.casebook import Casebook
from hansa.node.cosigning import Cosignatures, in_force, sets_of
from hansa.node.logs import note
from hansa.node.upstream import Upstream

EVERY = 16
RECENT_MS = 60_000
PENDING_MAX = 256
PAUSE_FIRST_S, PAUSE_MAX_S = 0.2, 5.0
AWAY = (client_errors.Unreachable, client_errors.TimedOut, client_errors.Busy)


class Given(NamedTuple):
    """A cosignature on its way to the operator."""

    height: int
    app_hash: str
    cosignature: Cosignature


class Cosigner:
    """`consider` is called by the executing thread, after each block. Handing in has a thread of its own."""

    def __init__(
        self,
        following: Following,
        member: str,
        signer: Signer,
        known: Cosignatures,
        casebook: Casebook,
        connect: Callable[[], Upstream],
    ) -> None:
        self._following, self._member, self._signer = following, member, signer
        self._known, self._casebook, self._connect = known, casebook, connect
        self._pending: dict[int, Given] = {}
        self._changed = Condition()
        self._stop = Event()
        self.signed_height = 0
        """Highest height signed since the start."""
        self.in_set = False
        self.operator = ""
        """The member that operates, by the newest set."""
        self.trouble: Refusal | None = None
        """Why the operator does not take the newest cosignature, if it does not."""
        self._thread = Thread(target=self._hand_in, name="cosignatures", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=PAUSE_MAX_S)

    def consider(self, *, newest: bool, now_ms: int) -> Cosignature | None:
        """Sign the header of the block just executed, if it is one to sign and nothing speaks against it."""
        ledger = self._following.ledger
        height = ledger.height
        if not height:
            return None
        sets = sets_of(ledger)
        current = in_force(sets, height)
        self.in_set, self.operator = self._sits(current) or self._sits(sets[-1]), sets[-1].operator
        changes = sets[-1].changed_at == height
        common = height % EVERY == 0 and abs(now_ms - ledger.time_ms) < RECENT_MS
        if not self._sits(current) or not (newest or changes or common):
            return None
        # The header that puts another in the place of the accused is signed: else none could ever be.
        if self._casebook.halt(current.operator) and self._casebook.halt(sets[-1].operator):
            return None
        header = ledger.last_header
        if header is None or not self._following.signed.allows(header):
            return None  # Signed under an operator that was succeeded since: never a second one.
        cosignature = self._following.cosign(self._member, self._signer)
        self.signed_height = height
        try:
            self._known.take(height, ledger.app_hash, cosignature)
        except sqlite3.Error as error:  # It is signed and on disk; the operator is handed it all the same.
            note("a cosignature could not be kept", 40, height=height, error=str(error))
        with self._changed:
            self._pending[height] = Given(height, ledger.app_hash, cosignature)
            if len(self._pending) > PENDING_MAX:
                del self._pending[next(iter(self._pending))]
            self._changed.notify()
        return cosignature

    def _sits(self, in_set: InForce) -> bool:
        return any((c.member, c.public) == (self._member, self._signer.public) for c in in_set.cosigners)

    def _hand_in(self) -> None:
        upstream: Upstream | None = None
        pause_s = PAUSE_FIRST_S
        while not self._stop.is_set():
            given = self._oldest()
            if given is None:
                continue
            try:
                upstream = upstream or self._connect()
                upstream.cosign(*given)
            except Refusal as refusal:
                self.trouble = refusal
                if isinstance(refusal, AWAY) or refusal.code == "node.cosignature_early":
                    self._stop.wait(pause_s)
                    pause_s = min(2 * pause_s, PAUSE_MAX_S)
                    continue
                note("cosignature refused", 30, height=given.height, code=refusal.code)
            except Exception as error:  # Whatever it is, the next try comes: no thread ends unseen.
                note("a cosignature could not be handed in", 40, trace=True)
                self.trouble = client_errors.AnswerUnusable(url="-", detail=type(error).__name__)
                self._stop.wait(PAUSE_MAX_S)
                continue
            else:
                self.trouble = None
            pause_s = PAUSE_FIRST_S
            with self._changed:
                if self._pending.get(given.height) == given:
                    del self._pending[given.height]
        if upstream is not None:
            upstream.close()

    def _oldest(self) -> Given | None:
        """The next one to hand in; waits for one."""
        with self._changed:
            if not self._pending:
                self._changed.wait(timeout=PAUSE_MAX_S)
            return next(iter(self._pending.values()), None)
