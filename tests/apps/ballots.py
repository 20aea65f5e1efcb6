"""Votes in short, for tests: proposals decided, companies that want to join."""

from typing import Any

from hansa.apps.consortium.cards import message
from hansa.apps.consortium.messages import Company, Registration
from hansa.apps.consortium.messages_votes import Admit, AnySubject, Card, Propose, SetCosigners, Vote
from hansa.apps.consortium.messages_votes import Seat as ProposedSeat
from hansa.kernel import limits, possession
from hansa.kernel.signatures import Signer
from tests.consortium import START_MS, Consortium, new_key, signer, uscc

WAIT_MS = 90 * limits.DAY_MS


def decide(
    consortium: Consortium, subject: AnySubject, *yes: str, proposal: str = "p-1", by: str = "maker"
) -> dict[str, Any]:
    """Propose, have these members say yes, one after the other; what then stands of the proposal."""
    consortium.do(by, Propose(proposal=proposal, subject=subject))
    for member in yes:
        consortium.do(member, Vote(proposal=proposal, yes=True))
    return stands(consortium, proposal)


def stands(consortium: Consortium, proposal: str = "p-1") -> dict[str, Any]:
    """A proposal as the ledger has it, counts and code written out."""
    found: dict[str, Any] = consortium.query("consortium.proposal", proposal=proposal)
    return {"yes": 0, "no": 0, "voters": 0, "code": ""} | found


def status(consortium: Consortium, member: str) -> str:
    found: str = consortium.query("consortium.member", member=member)["status"]
    return found


def company(number: int = 7, **fields: Any) -> Company:
    given = {
        "name_zh": "华东钢铁有限公司",
        "name_en": "East China Steel Ltd",
        "registration": Registration(kind="uscc", number=uscc(number)),
        "size": "large",
        "roles": ("supplier",),
    }
    return Company(**(given | fields))


def card(chain: str, member: str = "steel", by: Signer | None = None, **fields: Any) -> Card:
    given = {
        "member": member,
        "company": company(),
        "keys": (new_key(chain, member, "k1", by),),
        "valid_until_ms": START_MS + WAIT_MS,
    }
    return Card(**(given | fields))


def admit(consortium: Consortium, by: Signer | None = None, **fields: Any) -> Admit:
    """A company asks to join: signed by the first of its keys, or by another."""
    chain = consortium.node.chain.id
    asked = card(chain, **fields)
    signs = by or signer(asked.member)
    return Admit(card=asked, signature=signs.sign(message(chain, asked)))


def seat(consortium: Consortium, member: str, by: Signer | None = None, **fields: Any) -> ProposedSeat:
    key = by or signer(member, "node")
    chain = consortium.node.chain.id
    proof = key.sign(possession(chain, member, "cosigner", key.public))
    return ProposedSeat(**({"member": member, "public": key.public, "proof": proof} | fields))


def seats(consortium: Consortium, *members: str, quorum: int, operator: str = "") -> SetCosigners:
    return SetCosigners(
        seats=tuple(seat(consortium, member) for member in members), quorum=quorum, operator=operator
    )
