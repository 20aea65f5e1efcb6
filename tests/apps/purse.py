"""The rooms consortium and money without a node: actions run one by one on a state in memory.

Calls of other rooms run as such a room would make them. What the room signals is kept in `heard`.
"""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest

from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.apps.consortium.members import place_member
from hansa.apps.consortium.messages import Company, Licence, Registration
from hansa.apps.consortium.tables import MEMBERS
from hansa.apps.money import interface as money
from hansa.apps.money.conservation import breaches
from hansa.apps.money.contract import ROOM as MONEY
from hansa.apps.money.errors import ObligationUnknown
from hansa.apps.money.interface import FundPaidIn, Overdue, Owed, Paid, Unpaid, Waived
from hansa.apps.money.messages import Allocation, Receive
from hansa.apps.money.messages_bank import AcceptBank, AttestDeposit, OpenBank
from hansa.apps.money.queries import books
from hansa.apps.money.tables import BALANCES, OBLIGATIONS
from hansa.kernel import Action, Context, Event, Record, Registry, Room, Table, due, limits, replace
from hansa.kernel.messages import Signal
from hansa.kernel.state import Committed, MemoryStore, Overlay

START_MS = 20_454 * limits.DAY_MS
"""2026-01-01, UTC."""
DAY = limits.DAY_MS
COMPANIES = ("maker", "plant", "third", "bank", "unlicensed")
LICENCE_ENDS_MS = START_MS + 400 * DAY
CNY = "CNY"
T = TypeVar("T")
E = TypeVar("E", bound=Event)


def entry(number: int | str) -> str:
    """The hash of a bank's entry."""
    return hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def purse() -> "Purse":
    """A fresh one."""
    return Purse()


class Purse:
    """Four companies and a bank that is licensed until LICENCE_ENDS_MS."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.height = 0
        self.heard: list[Signal] = []
        self.events: list[bytes] = []
        self.happened: list[tuple[int, int, int, bytes]] = []
        """Height, index, time, event."""
        self.layer = Overlay(Committed(MemoryStore()))
        self.deaf = False
        """Whether who listens refuses to hear."""
        self.registry = Registry([CONSORTIUM, MONEY, self._ears()])
        for number, member in enumerate(COMPANIES):
            self.join(member, number)

    def _ears(self) -> Room:
        def paid(ctx: Context, signal: Paid) -> None:
            self.heard.append(signal)

        def unpaid(ctx: Context, signal: Unpaid) -> None:
            self.heard.append(signal)

        def filled(ctx: Context, signal: FundPaidIn) -> None:
            self.heard.append(signal)

        def overdue(ctx: Context, signal: Overdue) -> None:
            if self.deaf and signal.subject == "deaf":
                raise ObligationUnknown(obligation=signal.obligation)
            self.heard.append(signal)

        def waived(ctx: Context, signal: Waived) -> None:
            self.heard.append(signal)

        return Room("ears", listeners=[paid, unpaid, filled, overdue, waived])

    def join(self, member: str, number: int) -> None:
        role = "bank" if member in ("bank", "unlicensed") else "plant"
        licence = Licence("banking", entry("licence"), expires_ms=LICENCE_ENDS_MS)
        company = Company(
            "甲", "A", Registration("vat", f"DE{number:09d}"), "small", (role,),
            licences=(licence,) if member == "bank" else (),
        )  # fmt: skip
        self.call(place_member, member, company)

    def context(self, member: str = "", rules: int = limits.RULES_MAX) -> Context:
        self.height += 1
        return Context(
            self.registry,
            Overlay(self.layer),
            time_ms=self.now_ms,
            height=self.height,
            chain="0" * 64,
            rules=rules,
            member=member,
            key="k1" if member else "",
            transaction=entry(self.height) if member else "",
        )

    def do(self, member: str, action: Action) -> Context:
        """One action; a Refusal leaves nothing behind. Returns what it cost."""
        ctx = self.context(member)
        heard = len(self.heard)
        try:
            self.registry.actions[type(action)](ctx, action)
        except Exception:
            del self.heard[heard:]
            raise
        self._keep(ctx)
        return ctx

    def call(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """What another room's contract would call."""
        ctx = self.context()
        heard = len(self.heard)
        try:
            found = function(ctx, *arguments, **named)
        except Exception:
            del self.heard[heard:]
            raise
        self._keep(ctx)
        return found

    def ask(self, name: str, **arguments: Any) -> Any:
        """A query's answer."""
        return self.registry.query(self.context(), f"money.{name}", arguments)

    def _keep(self, ctx: Context) -> None:
        ctx.layer.merge_into(self.layer)
        self.events += ctx.events
        self.happened += [(ctx.height, n, ctx.time_ms, event) for n, event in enumerate(ctx.events)]

    def emitted(self, kind: type[E]) -> list[E]:
        tag = kind.__struct_config__.tag
        found = [data for data in self.events if msgspec.json.decode(data)["_type"] == tag]
        return [msgspec.json.decode(data, type=kind) for data in found]

    def move_to(self, now_ms: int) -> list[str]:
        """Let time pass, and do what falls due on the way, each when it is due. Returns what was parked."""
        parked: list[str] = []
        while (item := next(iter(due.QUEUE.scan(self.context(), limit=1)), None)) is not None:
            (due_ms, name), work = item
            if int(due_ms) > now_ms:
                break
            self.now_ms = max(self.now_ms, int(due_ms))
            self.call(due.remove, (int(due_ms), str(name)), work)
            try:
                self.call(self.registry.due[work.handler], *work.arguments)
            except Exception:
                self.call(due.park, (int(due_ms), str(name)), work, "refused")
                parked.append(str(name))
        self.now_ms = max(self.now_ms, now_ms)
        return parked

    # What tests often do.

    def owe(self, name: str, amount_minor: int = 1_000, **changes: Any) -> str:
        """Plant owes maker, by a statement, in thirty days."""
        given: dict[str, Any] = {
            "debtor": "plant",
            "creditor": "maker",
            "currency": CNY,
            "amount_minor": amount_minor,
            "due_ms": self.now_ms + 30 * DAY,
            "cause": "statement",
            "subject": "lease-1",
        }
        self.call(money.owe, name, Owed(**given | changes))
        return name

    def open_claims(self, **deposits: int) -> None:
        """The bank opens itself, all accept it, and some get claims."""
        self.do("bank", OpenBank())
        for member in ("maker", "plant", "third"):
            self.do(member, AcceptBank("bank"))
        for member, amount_minor in deposits.items():
            self.do("bank", AttestDeposit(member, CNY, amount_minor, f"D-{member}"))

    def pots(self, owner: str) -> dict[str, int]:
        return {
            str(key[3]): found.amount_minor
            for key, found in BALANCES.scan(self.context(), ("bank", owner, CNY))
        }

    def obligation(self, name: str) -> Any:
        return OBLIGATIONS.get(self.context(), (name,))

    def licences(self, member: str, *licences: Licence, **changes: Any) -> None:
        """The member's record as it is after it changed its licences, or its standing."""

        def write(ctx: Context) -> None:
            found = MEMBERS.get(ctx, (member,))
            assert found is not None
            MEMBERS.put(ctx, (member,), replace(found, licences=licences, **changes))

        self.call(write)

    def suspend(self, member: str) -> None:
        def write(ctx: Context) -> None:
            found = MEMBERS.get(ctx, (member,))
            assert found is not None
            MEMBERS.put(ctx, (member,), replace(found, status="suspended"))

        self.call(write)

    def rows(self, table: Table[Any]) -> dict[tuple[str | int, ...], Record]:
        return dict(table.scan(self.context(), limit=limits.ALL_ROWS))

    def broken(self) -> list[Any]:
        """Sums that do not hold."""
        return breaches(books(self.context()))


def received(
    purse: Purse, number: int, amount_minor: int, *allocations: tuple[str, int], **changes: Any
) -> None:
    """The maker finds a payment of the plant on its bank statement."""
    given: dict[str, Any] = {
        "entry": entry(number),
        "currency": CNY,
        "amount_minor": amount_minor,
        "value_ms": purse.now_ms,
        "payer": "plant",
        "allocations": tuple(Allocation(*each) for each in allocations),
    }
    purse.do(changes.pop("by", "maker"), Receive(**given | changes))
