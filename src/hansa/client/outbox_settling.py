"""What becomes of bytes that the ledger's time has passed, on a network: their outcome, proved; or the proof
that their sequence number never counts, and then they are signed anew.
"""

from collections.abc import Callable, Sequence

from hansa.client.outbox_file import Entry, OutboxFile, State
from hansa.client.outbox_states import TRACELESS, state_after, state_of_passed
from hansa.client.transport import Transport
from hansa.client.unused import shown, spent, wanted
from hansa.client.validators import Validators, run, url_of
from hansa.kernel import Action, encode
from hansa.kernel.keys import OutOfScope
from hansa.kernel.messages import Receipt

Put = Callable[[Sequence[Action]], int]


class Settling:
    """One flush's work on an outbox. `open`: entries whose time is over, of which nothing is proved."""

    def __init__(self, file: OutboxFile, member: str, validators: Validators, transport: Transport) -> None:
        self._file, self._member, self._validators, self._transport = file, member, validators, transport
        self.open: list[Entry] = []
        self._attests: dict[str, int] = {}
        """The entry that has a key's window shown, by the key: each its own, since one may have none."""

    def settle(self, put: Put) -> None:
        """Keep outcomes that are proved; for the others, have the windows of their keys shown: `put` adds
        that to the outbox. The time is read before the question.
        """
        signed = self._file.entries(("signed",))
        if not signed:
            return
        now_ms = self._validators.settled_ms(self._transport)
        passed = [entry for entry in signed if entry.valid_until_ms <= now_ms]
        if not passed:
            return
        found = [(entry, self._transport.find(entry.transaction)) for entry in passed]
        told = [receipt for _, receipt in found if receipt is not None and _decides(receipt)]
        proved = self._validators.proved_all(self._transport, told)
        decided: list[tuple[int, State, bytes]] = []
        for entry, receipt in found:
            if receipt in proved:
                decided.append((entry.number, state_after(receipt), encode(receipt)))
            else:
                self.open.append(entry)
        self._file.decide(decided)
        for key in dict.fromkeys(entry.key for entry in self.open):
            self._attests[key] = put([wanted(self._member, key)])

    def finish(self) -> set[int]:
        """Once all was sent: what is proved never to count is put back. The numbers of that."""
        attests, self._attests = self._attests, {}
        dead = [entry for key, number in attests.items() for entry in self._dead(key, number)]
        decided: list[tuple[int, State, bytes]] = []
        for entry in dead:
            kept = b"" if entry.receipt is None else encode(entry.receipt)
            decided.append((entry.number, state_of_passed(entry, None), kept))
        self._file.decide(decided)
        self.open = [entry for entry in self.open if entry not in dead]
        if attests and self.open and not dead:
            self._transport.shun()  # They counted, or nobody can say it; this node does not show it.
        return {entry.number for entry in dead}

    def _dead(self, key: str, number: int) -> list[Entry]:
        """What was signed with a key and never counts, by what became of the entry that shows its window."""
        attest = self._file.entry(number)
        passed = [entry for entry in self.open if entry.key == key]
        if attest is None or attest.receipt is None or attest.state not in ("done", "refused"):
            return []
        if attest.receipt.code == OutOfScope.code:
            # A key that may not have it shown has the node's word alone: a gateway beside its member's node.
            return [entry for entry in passed if self._transport.find(entry.transaction) is None]
        found = shown(self._validators, url_of(self._transport), self._member, key, attest.receipt)
        window = run(self._transport, found)
        if window is None:
            return []
        unused = [entry for entry in passed if window.unused(entry.sequence, entry.valid_until_ms)]
        return [*unused, *self._spent(key, [entry for entry in passed if entry not in unused])]

    def _spent(self, key: str, passed: Sequence[Entry]) -> list[Entry]:
        """Those whose number other bytes used, as far as the node can show it."""
        if not passed or not hasattr(self._transport, "get"):
            return []
        own = {entry.sequence: entry.transaction for entry in passed}
        numbers = run(
            self._transport, spent(self._validators, url_of(self._transport), self._member, key, own)
        )
        return [entry for entry in passed if entry.sequence in numbers]


def _decides(receipt: Receipt) -> bool:
    """Whether this outcome, once proved, is the last word on the bytes: they used their number."""
    return bool(receipt.height) and receipt.code not in TRACELESS
