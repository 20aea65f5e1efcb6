"""An operator's start: do others hold blocks that this node signed and its ledger no longer has?

A machine taken back to yesterday's image has neither the blocks nor the record of having signed them: only
the others know. Whoever does not answer in time is not waited for.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import NamedTuple

from hansa.engines.reading import Reading
from hansa.kernel.evidence import SignedHeader, signed_by
from hansa.kernel.refusal import Refusal
from hansa.node.cosigning import sets_of
from hansa.node.doctor_peers import Ask, over_http
from hansa.node.neighbours import addresses
from hansa.node.settings import Settings

WAIT_S = 3.0
AT_ONCE = 16


class Later(NamedTuple):
    """A node that holds a later block under this node's own signature."""

    member: str
    url: str
    height: int


def later_blocks(
    settings: Settings, reading: Reading, public: bytes, ask: Ask | None = None
) -> Sequence[Later]:
    """Which cosigners, and nodes that the settings name, are ahead of this ledger by this node's own word.

    `public`: the key of this node. Only a header under it counts; nothing else that they say does.
    """
    seats = {seat.member for seat in sets_of(reading)[-1].cosigners} | set(settings.peers)
    urls = {member: url for member, url in addresses(settings, reading).items() if member in seats}
    if not urls:
        return ()
    asked = ask or over_http(settings)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="newest")
    try:
        asking = {pool.submit(_head, asked, url): (member, url) for member, url in urls.items()}
        done, _ = wait(asking, timeout=WAIT_S)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    found = []
    for future in done:
        head = future.result()
        if head is None or head.header.chain != reading.chain.id or head.header.height <= reading.height:
            continue
        if signed_by(head, public):
            found.append(Later(*asking[future], head.header.height))
    return sorted(found, key=lambda one: -one.height)


def _head(ask: Ask, url: str) -> SignedHeader | None:
    try:
        return ask(url).head
    except Refusal:
        return None  # It is away, or speaks no sense: nothing is known by it.
