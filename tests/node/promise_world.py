"""An operator, a case book and promises that are looked for in the operator's own ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.kernel import replace
from hansa.kernel.evidence import Acknowledgement, Promise, SignedAcknowledgement, acknowledge
from hansa.kernel.messages import Receipt
from hansa.node.casebook import Casebook
from hansa.node.promises import Promises
from tests.consortium import VirtualClock
from tests.kernel.room import Register
from tests.node.following_world import NODE, Operator


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def operator(tmp_path: Path, clock: VirtualClock) -> Iterator[Operator]:
    made = Operator(tmp_path / "operator", clock)
    made.do("maker", Register(tool="w-17"))
    yield made
    if not made.away:
        made.close()


@pytest.fixture
def casebook(tmp_path: Path, clock: VirtualClock) -> Casebook:
    return Casebook(tmp_path / "cases", "plant", clock)


@pytest.fixture
def asked(tmp_path: Path, operator: Operator, casebook: Casebook) -> Iterator[Promises]:
    """Looks in the operator's own ledger: what matters here is what the ledger holds."""
    made = Promises(tmp_path / "promises.db", operator.reader, casebook)
    yield made
    made.close()


def word_on(operator: Operator, *receipts: Receipt, **fields: object) -> SignedAcknowledgement:
    """What the operator's node signs for these; `fields` replace some of what it says."""
    items = tuple(
        replace(
            Promise(
                transaction=receipt.transaction, code=receipt.code, height=receipt.height,
                index=receipt.index, app_hash=receipt.app_hash,
            ),
            **fields,
        )
        for receipt in receipts
    )  # fmt: skip
    return acknowledge(NODE, Acknowledgement(chain=operator.node.chain.id, items=items))


__all__ = ["asked", "casebook", "clock", "operator", "word_on"]
