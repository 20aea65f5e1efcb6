"""Changes of the validator set from before a joiner's snapshot: told by others, checked from genesis."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import httpx2

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.validator_sets import sets_followed
from hansa.client.http import Http
from hansa.engines.reader import Reader
from hansa.kernel.commit import validators_hash
from hansa.kernel.refusal import Refusal
from hansa.node.logs import note
from hansa.node.neighbours import addresses, way_to
from hansa.node.settings import Settings

TIMEOUT_S = 5
BYTES_MAX = 64 * 2**20
ENGINE_PATH = "/v1/engine"


def sources(settings: Settings, reader: Reader) -> Iterator[tuple[str, httpx2.BaseTransport | None]]:
    """Nodes to ask, each with the way to it: those that a joiner named, then those of other members."""
    if settings.engine.sync is not None:
        for server in settings.engine.sync.servers:
            yield server.removesuffix(ENGINE_PATH), None
    with reader.snapshot() as reading:
        found = addresses(settings, reading)
    for url in found.values():
        try:
            yield url, way_to(settings, url)
        except Refusal as refusal:
            note("node not asked", 30, url=url, code=refusal.code)


def sound(genesis: Genesis, chain: str, shown: Sequence[Handover]) -> tuple[Handover, ...]:
    """As many of these changes as lead on from genesis, each on the commit of the set before."""
    return tuple(shown[: len(sets_followed(genesis, chain, shown)) - 1])


def earlier_changes(settings: Settings, reader: Reader) -> tuple[Handover, ...]:
    """The longest sound list that anybody shows. Blocks for a while: not for the event loop."""
    longest: tuple[Handover, ...] = ()
    for url, over in sources(settings, reader):
        try:
            asked = Http(
                url,
                over=over,
                timeout_s=TIMEOUT_S,
                patience_s=0,
                answer_bytes_max=BYTES_MAX,
                allow_plain=True,
            )
            with closing(asked) as http:
                found = sound(reader.genesis, reader.chain.id, http.handovers())
        except (Refusal, httpx2.HTTPError, OSError) as error:
            note("changes not told", 30, url=url, cause=getattr(error, "code", type(error).__name__))
            continue
        if len(found) > len(longest):
            longest = found
    return longest


def leads_to(wanted: str, genesis: Genesis, chain: str, changes: Sequence[Handover]) -> bool:
    """Whether the set of this hash is among those that these changes lead to, the founding one included."""
    return any(validators_hash(each.seats) == wanted for each in sets_followed(genesis, chain, changes))
