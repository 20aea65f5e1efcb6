"""Evidence is gathered under a final header if whoever checks it can follow the cosigners up to it."""

from pathlib import Path
from typing import Any

import pytest

from hansa.client.bundle import Handover
from hansa.client.verify import check_bundle
from hansa.kernel import encode
from hansa.kernel.evidence import SignedHeader
from tests.client.evidence_world import made
from tests.client.test_quorum import NEXT, Cosigned, change_cosigners, sign
from tests.client.test_verify import checked, failed


def test_a_quorum_of_a_set_that_nobody_can_follow_is_left_for_the_operators_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old quorum has not signed the change: nobody would believe the new one."""
    world = made(tmp_path, Cosigned(), days=1)
    height, node = change_cosigners(world.consortium), world.consortium.node
    transport: Any = world.consortium.client("auditor").transport
    found = node.events_after(height - 1, 10**6)
    index = next(n for at, n, data in found if at == height and b"cosigners_changed" in data)
    change = node.prove("event", height, index, height)
    handover = Handover(event=change, head=sign(node.ledger.header(height), "plant", "bank"))

    def final(at_least: int = 0, within_s: float = 0) -> SignedHeader:
        return sign(transport.head(), "plant", "auditor", keys=NEXT)

    monkeypatch.setattr(transport, "final", final)
    for handovers, is_final in (((), False), ((handover,), True)):
        monkeypatch.setattr(transport, "handovers", lambda given=handovers: given)
        data = encode(world.gather(0))
        report = check_bundle(data, world.genesis)
        assert failed(report) == []
        assert checked(data, world.genesis)
        assert report.finality.final is is_final
    world.store.close()
    world.consortium.close()
