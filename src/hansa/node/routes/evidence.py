"""Routes of evidence: what a chain starts from, its signed headers, proofs, changes of its cosigners."""

from typing import Literal

from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.apps.consortium.messages import Genesis
from hansa.client.bundle import Handover
from hansa.engines.reading import Reading
from hansa.kernel.evidence import BlockProof, Proof, SignedHeader
from hansa.kernel.types import Hash, Natural, Positive, Struct
from hansa.node import errors
from hansa.node.endpoint import Asked, Endpoint, json_response


class OfHead(Struct):
    final: bool = False
    """The newest header with a quorum of cosigners, instead of the newest. A network has no others."""


class OfHeader(Struct):
    height: Positive


class OfConsistency(Struct):
    old: Positive
    new: Positive | None = None
    """Left out: the present height."""


class OfProof(Struct):
    kind: Literal["transaction", "outcome", "event"]
    height: Positive
    index: Natural
    head: Positive | None = None
    """The proof is to hold under the header of this height. Left out: the present one."""


class OfBlock(Struct):
    kind: Literal["transaction", "outcome", "event"]
    height: Positive
    head: Positive | None = None
    """The proof is to hold under the header of this height. Left out: the present one."""


class Consistency(Struct):
    """Path that shows that the log at height `old` is a prefix of the log at `new` (RFC 6962, 2.1.2)."""

    old: Positive
    new: Positive
    path: tuple[Hash, ...]


async def genesis(asked: Asked) -> ASGIApp:
    return Response(asked.front.member.genesis_bytes, media_type="application/json")


async def head(asked: Asked) -> ASGIApp:
    member = asked.front.member
    cosigned = member.cosigned
    if asked.given.final or member.role == "network":  # There, none counts without its commit.
        return json_response(None if cosigned is None else await asked.do(cosigned.final))
    found = await asked.read(lambda reading: reading.head())
    return json_response(None if found is None else _dressed(asked, found))


async def header(asked: Asked) -> ASGIApp:
    def work(reading: Reading) -> SignedHeader:
        _check_height(reading, asked.given.height)
        return reading.header(asked.given.height)

    return json_response(_dressed(asked, await asked.read(work)))


def _dressed(asked: Asked, signed: SignedHeader) -> SignedHeader:
    cosigned = asked.front.member.cosigned
    return signed if cosigned is None else cosigned.dressed(signed)


async def consistency(asked: Asked) -> ASGIApp:
    def work(reading: Reading) -> Consistency:
        old, new = asked.given.old, asked.given.new or reading.height
        _check_height(reading, new)
        _check_height(reading, old, new)
        return Consistency(old=old, new=new, path=tuple(reading.consistency(old, new)))

    return json_response(await asked.read(work))


async def proof(asked: Asked) -> ASGIApp:
    given = asked.given

    def work(reading: Reading) -> Proof:
        _check_height(reading, given.height)
        if given.head is not None:
            _check_height(reading, given.head)
            _check_height(reading, given.height, given.head)
        return reading.prove(given.kind, given.height, given.index, given.head)

    return json_response(await asked.read(work))


async def block(asked: Asked) -> ASGIApp:
    given = asked.given

    def work(reading: Reading) -> BlockProof:
        _check_height(reading, given.height)
        if given.head is not None:
            _check_height(reading, given.head)
            _check_height(reading, given.height, given.head)
        return reading.prove_block(given.kind, given.height, given.head)

    return json_response(await asked.read(work))


async def handovers(asked: Asked) -> ASGIApp:
    cosigned = asked.front.member.cosigned
    return json_response(() if cosigned is None else tuple(await asked.do(cosigned.handovers)))


def _check_height(reading: Reading, height: int, head: int | None = None) -> None:
    head = reading.height if head is None else head
    if height > head:
        raise errors.HeightUnknown(height=height, head=head)


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/genesis", "genesis", genesis,
        "The genesis file. The SHA-256 of its bytes is the chain's id.", access="anyone", answer=Genesis,
    ),
    Endpoint(
        "GET", "/v1/head", "head", head,
        "The newest signed header, with the cosignatures known of it, or with its commit; null before the "
        "first block.",
        access="anyone", parameters=OfHead, answer=SignedHeader | None,
    ),
    Endpoint(
        "GET", "/v1/headers/{height}", "header", header,
        "The signed header of a height, with the cosignatures known of it.",
        access="anyone", parameters=OfHeader, answer=SignedHeader, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/consistency", "consistency", consistency,
        "That nothing was rewritten between two heights.",
        access="anyone", parameters=OfConsistency, answer=Consistency, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/proofs/{kind}/{height}/{index}", "proof", proof,
        "A transaction, outcome or event with its way up to a header.",
        parameters=OfProof, answer=Proof, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/proofs/{kind}/{height}", "block_proof", block,
        "All transactions, outcomes or events of a block, with the block's way up to a header.",
        parameters=OfBlock, answer=BlockProof, statuses=(404,),
    ),
    Endpoint(
        "GET", "/v1/handovers", "handovers", handovers,
        "Each change of the cosigners or validators, under a header that the set before signed.",
        access="anyone", answer=tuple[Handover, ...],
    ),
)  # fmt: skip
