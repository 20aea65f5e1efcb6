"""The life of a lease: signed by both, handed over, used, ended, settled."""

import pytest

from tests.apps.leases import DAY, FROM_MS, World, world


@pytest.fixture
def signed() -> World:
    made = world()
    made.reserve()
    made.sign()
    return made


def test_with_the_second_signature_all_stands(signed: World) -> None:
    lease = signed.lease()
    assert lease.state == "signed"
    assert [each.member for each in lease.signatures] == ["maker", "plant"]


def test_a_lease_runs_from_its_agreed_start_if_both_confirmed_before(signed: World) -> None:
    signed.now_ms = FROM_MS - DAY
    signed.hand_over(100)
    assert (signed.lease().state, signed.lease().start_ms) == ("running", FROM_MS)
