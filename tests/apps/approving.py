"""A plant with an approval rule, for tests."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import UpdateMember
from hansa.apps.consortium.messages_approvals import ApprovalRule, SetApproval
from hansa.kernel import Action, replace
from tests.consortium import Consortium

UPDATE = UpdateMember(size="small", roles=("plant",))
RULE = ApprovalRule(action="consortium.update_member", holders=2, days=3)


def rule(**fields: Any) -> SetApproval:
    return SetApproval(rule=replace(RULE, **fields))


@pytest.fixture
def guarded(consortium: Consortium) -> Consortium:
    """Plant has Li (k1), Wang (wang), Zhao (zhao), a worker and a clerk of narrow scope; updates need two."""
    keys = [
        consortium.key("plant", "wang", holder="h-wang"),
        consortium.key("plant", "zhao", holder="h-zhao"),
        consortium.key("plant", "li-2", holder="plant-k1"),
        consortium.key("plant", "robot", holder="h-robot", kind="worker"),
        consortium.key(
            "plant", "clerk", holder="h-clerk", scopes=("consortium.approve", "consortium.reject")
        ),
    ]
    consortium.do("plant", *keys)
    consortium.do("plant", SetApproval(rule=RULE))
    return consortium


def held(consortium: Consortium, *actions: Action, key: str = "k1", member: str = "plant") -> str:
    """A transaction that is held; its id."""
    receipt = consortium.do(member, *(actions or (UPDATE,)), key=key)
    ids = [row["transaction"] for row in consortium.query("consortium.held", member=member)]
    assert receipt.transaction in ids, "was not held"
    return receipt.transaction


def size(consortium: Consortium) -> str:
    found: str = consortium.query("consortium.member", member="plant")["size"]
    return found


def waiting(consortium: Consortium) -> list[dict[str, Any]]:
    return [row["held"] for row in consortium.query("consortium.held", member="plant")]
