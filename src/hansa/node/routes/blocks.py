"""Routes between nodes: blocks, what each of them did, records, cosignatures, acknowledgements."""

import time
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp

from hansa.engines.blocks import Write, pack_block
from hansa.engines.reading import Reading
from hansa.kernel.evidence import Cosignature, SignedAcknowledgement
from hansa.kernel.messages import Outcome
from hansa.kernel.types import Hash, Natural, Positive, Struct
from hansa.node import errors, limits
from hansa.node.bodies import JSON, OCTETS, announced, receive_body
from hansa.node.endpoint import Asked, Endpoint, json_response
from hansa.node.pulse import within
from hansa.node.shares import address_of_caller

T = TypeVar("T")


class OfBlocks(Struct):
    first: Positive = msgspec.field(name="from")
    """Height of the first block."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.BLOCKS_PER_READ_MAX)] = limits.BLOCKS_PER_READ_MAX
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=limits.WAIT_MAX_MS)] = 0
    """Wait so long for the first block if it does not exist yet."""


class OfBlock(Struct):
    height: Positive


class OfRecords(Struct):
    table: Annotated[str, msgspec.Meta(max_length=128)]
    after: bytes = b""
    """Go on after this key, as `next` gives it."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=limits.RECORDS_PER_READ_MAX)] = limits.RECORDS_PER_READ_MAX
    height: Natural | None = None
    """As they lay at this height; left out: now."""


class Writes(Struct):
    """What a block did to the records, in order of table and key."""

    height: Positive
    writes: tuple[Write, ...]


class Contents(Struct):
    """What a block led to: outcomes and events, as their canonical bytes stand on the ledger."""

    height: Positive
    outcomes: tuple[Outcome, ...]
    events: tuple[bytes, ...]


class Row(Struct):
    key: bytes
    value: bytes


class Records(Struct):
    """Records of a table in order of their keys. `next`: where to go on; left out at the end."""

    height: Natural
    records: tuple[Row, ...]
    next: bytes = b""


class GivenCosignature(Struct):
    """A cosigner's signature of the header of a height."""

    height: Positive
    app_hash: Hash
    cosignature: Cosignature


class Taken(Struct):
    """It was taken in."""

    taken: bool


async def blocks(asked: Asked) -> ASGIApp:
    front, given = asked.front, asked.given
    until = time.monotonic() + min(given.wait_ms, front.settings.limits.wait_ms) / 1_000
    while True:
        beat = front.pulse.next()
        data, head = await asked.read(lambda reading: _packed(reading, given))
        left = until - time.monotonic()
        if data or left <= 0 or front.stopping or not await within(beat, left):
            return Response(data, media_type=OCTETS, headers={"hansa-height": str(head)})


def _packed(reading: Reading, given: OfBlocks) -> tuple[bytes, int]:
    parts: list[bytes] = []
    size = 0
    for height in range(given.first, min(reading.height, given.first + given.limit - 1) + 1):
        part = pack_block(reading.block(height))
        if parts and size + len(part) > limits.BLOCKS_BYTES_MAX:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts), reading.height


async def writes(asked: Asked) -> ASGIApp:
    height = asked.given.height

    def work(reading: Reading) -> Writes:
        _check_height(reading, height)
        found = reading.write_set(height)
        for name in dict.fromkeys(write.table for write in found):
            table = reading.registry.tables.get(name)  # None: of a room that is no longer in force.
            asked.front.check_reader(table.record.readers if table else "members", asked.session)
        return Writes(height=height, writes=found)

    return json_response(await asked.read(work))


async def contents(asked: Asked) -> ASGIApp:
    height = asked.given.height

    def work(reading: Reading) -> Contents:
        _check_height(reading, height)
        outcomes = tuple(msgspec.json.decode(data, type=Outcome) for data in reading.items("outcome", height))
        return Contents(height=height, outcomes=outcomes, events=tuple(reading.items("event", height)))

    return json_response(await asked.read(work))


async def records(asked: Asked) -> ASGIApp:
    given = asked.given

    def work(reading: Reading) -> Records:
        table = reading.registry.tables.get(given.table)
        if table is None:
            raise errors.TableUnknown(table=given.table)
        asked.front.check_reader(table.record.readers, asked.session)
        if given.height is not None:
            _check_height(reading, given.height)
            reading = reading.at(given.height)
        found = reading.records(given.table, given.after, given.limit)
        more = found[-1][0] if len(found) == given.limit else b""
        rows = tuple(Row(key=key, value=value) for key, value in found)
        return Records(height=reading.height, records=rows, next=more)

    return json_response(await asked.read(work))


async def cosignature(asked: Asked) -> ASGIApp:
    front = asked.front
    cosigned = front.member.cosigned
    if cosigned is None:
        raise errors.NotHere(role=front.member.role, other="-")
    given = await read_json(asked, GivenCosignature, limits.SMALL_BODY_BYTES_MAX)
    await asked.do(partial(cosigned.take, given.height, given.app_hash, given.cosignature))
    return json_response(Taken(taken=True))


async def acknowledgement(asked: Asked) -> ASGIApp:
    front = asked.front
    promised = front.member.promised
    if promised is None:
        raise errors.NotHere(role=front.member.role, other="follower")
    given = await read_json(asked, SignedAcknowledgement, limits.ACKNOWLEDGEMENT_BYTES_MAX)
    await front.check_key(asked.caller)
    await asked.do(partial(promised.take, given))
    return json_response(Taken(taken=True))


async def read_json(asked: Asked, kind: type[T], limit: int) -> T:
    """A body in canonical JSON or any other, where 2.0 is an integer too.

    Raises BodyMalformed and what `bodies` raises.
    """
    announced(asked.request.scope["headers"], JSON, limit)
    request = asked.request
    address = address_of_caller(request.scope)
    body = await receive_body(request.receive, limit, asked.front.budget, address)
    try:
        try:
            return msgspec.json.decode(body, type=kind, strict=True)
        except msgspec.ValidationError:
            again = msgspec.json.encode(_whole(msgspec.json.decode(body)))
            return msgspec.json.decode(again, type=kind, strict=True)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise errors.BodyMalformed(detail=str(error)) from None


def _whole(value: Any) -> Any:
    """JSON with integers where a number has no fraction (JSON Schema, 6.1.1), however it was written."""
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_height(reading: Reading, height: int) -> None:
    if height > reading.height:
        raise errors.HeightUnknown(height=height, head=reading.height)


ENDPOINTS = (
    Endpoint(
        "GET", "/v1/blocks", "blocks", blocks,
        "Blocks with their transactions, as frames; empty where there is none yet.",
        parameters=OfBlocks, content=OCTETS, statuses=(410,),
    ),
    Endpoint(
        "GET", "/v1/blocks/{height}/writes", "writes", writes,
        "What a block did to each record.", parameters=OfBlock, answer=Writes, statuses=(404, 410),
    ),
    Endpoint(
        "GET", "/v1/blocks/{height}/contents", "contents", contents,
        "Outcomes and events of a block.", parameters=OfBlock, answer=Contents, statuses=(404, 410),
    ),
    Endpoint(
        "GET", "/v1/records", "records", records,
        "Records of a table, page by page.", parameters=OfRecords, answer=Records, statuses=(404, 410),
    ),
    Endpoint(
        "POST", "/v1/cosignatures", "cosign", cosignature,
        "A cosigner hands in its signature of a header.",
        access="anyone", body=GivenCosignature, answer=Taken,
        statuses=(403, 404, 408, 409, 410, 413, 415),
    ),
    Endpoint(
        "POST", "/v1/acknowledgements", "acknowledge", acknowledgement,
        "A client hands its follower what the operator promised, to be looked for.",
        access="own", body=SignedAcknowledgement, answer=Taken, statuses=(404, 408, 413, 415),
    ),
)  # fmt: skip
