"""The kernel alone: a block of 1,000 transactions of two record writes, against one check of a signature."""

import random
from collections.abc import Iterator

from nacl.bindings import crypto_sign_open

from bench.measure import Row, against
from hansa.apps.consortium.contract import ROOM as CONSORTIUM
from hansa.engines.founding import found
from hansa.kernel import (
    Action,
    Context,
    Id,
    Integer,
    Positive,
    Record,
    Registry,
    Room,
    Table,
    encode,
    replace,
)
from hansa.kernel.apply import Applied, Block, apply
from hansa.kernel.signatures import Signer
from hansa.kernel.state import Committed, MemoryStore
from hansa.kernel.transaction import sign
from tests.consortium import START_MS, genesis, signer

TRANSACTIONS = 1_000


class Account(Record, version=1, readers="members", retention="business"):
    balance: Integer


class Move(Action, tag="bench.move"):
    source: Id
    target: Id
    amount: Positive


ACCOUNTS = Table("bench.accounts", key=("account",), record=Account)


def move(ctx: Context, a: Move) -> None:
    source = ACCOUNTS.get(ctx, (a.source,)) or Account(balance=0)
    target = ACCOUNTS.get(ctx, (a.target,)) or Account(balance=0)
    ACCOUNTS.put(ctx, (a.source,), replace(source, balance=source.balance - a.amount))
    ACCOUNTS.put(ctx, (a.target,), replace(target, balance=target.balance + a.amount))


class Work:
    """A state of so many records, and a block whose transactions move between two of them at random."""

    def __init__(self, records: int) -> None:
        registry = Registry([CONSORTIUM, Room("bench", actions=[move], tables=[ACCOUNTS])])
        # The signature is what the block is measured against, so here it is taken as good.
        founded = found(encode(genesis(registry)), registry, lambda *_: True)
        self.chain, self.sum = founded.chain, founded.state_sum
        store = MemoryStore()
        store.write(founded.changes)
        self.state = Committed(store, None)
        chance = random.Random(1)
        names = [f"account-{number:06}" for number in range(records)]
        self.wires = [self._wire(number, *chance.sample(names, 2)) for number in range(TRANSACTIONS)]
        self._fill(names)

    def _wire(self, number: int, source: str, target: str) -> bytes:
        return sign(
            self.chain.release.registry(),
            signer("maker"),
            chain=self.chain.id,
            member="maker",
            key="k1",
            sequence=number + 1,
            valid_until_ms=START_MS + 60_000,
            actions=(Move(source=source, target=target, amount=7),),
        )

    def _fill(self, names: list[str]) -> None:
        for name in names:
            record = Account(balance=10_000_000)
            at = ("bench.accounts", name.encode() + b"\x00")
            self.state.store.write({at: encode(record)})  # type: ignore[attr-defined]
            self.state.remember(at, (encode(record), record))

    def __call__(self) -> Applied:
        return apply(self.chain, self.state, self.sum, Block(1, START_MS + 1_000, self.wires))


def signature_checks() -> None:
    """As many checks by PyNaCl as the block has transactions, over as many bytes."""
    for _ in range(TRANSACTIONS):
        crypto_sign_open(SIGNED, KEY.public)


KEY = Signer(b"s" * 32)
MESSAGE = b"x" * 330
SIGNED = KEY.sign(MESSAGE) + MESSAGE


def rows() -> Iterator[Row]:
    for records, goal in ((200, 0.7), (10_000, 1.0)):
        work = Work(records)
        applied = work()
        assert all(outcome.code == "ok" for outcome in applied.outcomes)
        ratio, mine, its = against(work, signature_checks)
        yield Row(
            f"a transaction of two writes, over {records:,} records",
            ratio,
            "× a signature check",
            goal,
            detail=f"{mine / TRANSACTIONS * 1e6:.1f} µs against {its / TRANSACTIONS * 1e6:.1f} µs",
        )
