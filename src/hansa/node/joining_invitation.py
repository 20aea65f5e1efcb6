"""The invitation: all that a company needs to find a network, and to know that it found the right one. Pure.

Nothing in it is secret, and nothing in it has to be believed: the chain is the hash of the genesis file that
lies in it, and its check number is compared with a member over another channel.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from hansa.apps.consortium.messages import Genesis
from hansa.kernel import Struct, encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import Refusal, shown
from hansa.kernel.types import Hash, Id, OptionalHash, Positive, TimeMs, Url
from hansa.node import errors_joining as errors

INVITATION_BYTES_MAX = 4 * 2**20
NODES_MAX = 256
"""Whoever joins asks and dials each of them: a changed invitation makes no scanner of it."""
PEER = re.compile(r"[0-9a-f]{40}@[A-Za-z0-9.:\[\]_-]{1,253}:[0-9]{1,5}")
TRUST_PERIOD_MS = 7 * 24 * 3_600_000
"""A block that is older is trusted no more as a beginning: those who signed it may have left since."""


class InvitedNode(Struct):
    """A member's node. Either way to it may be missing, not both."""

    member: Id
    url: Url = ""
    """Its HTTP address; "" where it has none that others reach."""
    peer: str = ""
    """`id@host:port` of its engine; "" where it cannot be dialled (NAT)."""


class Invitation(Struct):
    genesis: bytes
    charter_sha256: OptionalHash
    inviter: Id
    at_ms: TimeMs
    nodes: Annotated[tuple[InvitedNode, ...], msgspec.Meta(max_length=NODES_MAX)]
    height: Positive
    """Of the engine: a block of the network when the invitation was made."""
    hash: Hash
    """Of that block."""


def chain_of(invitation: Invitation) -> str:
    return hashlib.sha256(invitation.genesis).hexdigest()


def write_invitation(invitation: Invitation) -> bytes:
    return encode(invitation)


def read_invitation(data: bytes, what: str) -> tuple[Invitation, Genesis]:
    """Raises InvitationWrong; `what` names the file to people."""
    try:
        found = decode_strict(data.strip(), Invitation)
        genesis = decode_strict(found.genesis, Genesis)
    except Refusal:
        raise errors.InvitationWrong(
            what=what, detail_zh="它不是邀请文件，或不完整", detail_en="it is none, or not whole"
        ) from None
    if not genesis.is_network:
        raise errors.NoNetwork(what=what)
    wrong = [node.peer for node in found.nodes if node.peer and not PEER.fullmatch(node.peer)]
    if wrong:
        told = shown(wrong[0])
        raise errors.InvitationWrong(
            what=what, detail_zh=f"地址 {told} 不对", detail_en=f"the address {told} is none"
        )
    if not any(node.peer for node in found.nodes):
        raise errors.InvitationWrong(
            what=what, detail_zh="其中没有可以连接的节点", detail_en="no node in it can be dialled"
        )
    return found, genesis


def urls(nodes: Sequence[InvitedNode]) -> dict[str, str]:
    """HTTP addresses by member."""
    return {node.member: node.url for node in nodes if node.url}


def peers(nodes: Sequence[InvitedNode], relay: str = "") -> list[str]:
    """Engines to dial: all, or that of the member alone that relays. Raises NoRelay."""
    found = [node.peer for node in nodes if node.peer and relay in ("", node.member)]
    if not found:
        raise errors.NoRelay(member=relay)
    return found
