"""Where a joiner begins: a block that the validators signed, followed from the genesis file on.

Whoever shows it need not be trusted. Only where no node shows one that is proved (a network that has made no
block of its own yet), a block counts that all nodes which answer show alike.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hansa.apps.consortium.handovers import Handover
from hansa.client.http import Http
from hansa.client.trust import Trust
from hansa.kernel.commit import header_hash
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal
from hansa.node import errors_joining as errors
from hansa.node.joining_engine import SERVERS_MIN, Ask, Trusted, block_hash, told, trusted

Fetch = Callable[[str], tuple[SignedHeader | None, Sequence[Handover]]]
"""The newest header with its commit that a node shows, and all changes of the set. Raises a Refusal."""


def over_http(chain: str, ca: Path | None = None) -> Fetch:
    """Ask a node by HTTP, without a session."""

    def fetch(url: str) -> tuple[SignedHeader | None, Sequence[Handover]]:
        with Http(url, chain=chain, ca=ca, patience_s=0) as node:
            return node.final(), node.handovers()

    return fetch


def begin(
    genesis: bytes,
    chain: str,
    nodes: Mapping[str, str],
    heights: Mapping[str, int],
    ask: Ask,
    fetch: Fetch,
    clock: Callable[[], int],
) -> Trusted:
    """The newest proved block among the nodes (URLs by member); every other that has its height must show it.

    `heights`: of those that answered, by the engine. Raises NodeLies where a header does not stand on its
    commit, NodesDiffer, TooFewNodes.
    """
    newest: Trusted | None = None
    for member in heights:
        found = proved(genesis, chain, member, nodes[member], fetch, clock)
        if found is not None and (newest is None or found.height > newest.height):
            newest = found
    return trusted(ask, nodes, heights) if newest is None else _shown_by_all(newest, ask, nodes, heights)


def proved(
    genesis: bytes, chain: str, member: str, url: str, fetch: Fetch, clock: Callable[[], int]
) -> Trusted | None:
    """The block of a node's newest header, if the validators of its height signed it; None: it has none.

    Raises NodeLies where it shows one that they did not sign.
    """
    try:
        head, handovers = fetch(url)
    except Refusal:
        return None
    if head is None or head.commit is None:
        return None
    trust = Trust(genesis, chain, None, clock)
    trust.learn_sets(handovers)
    try:
        trust.check(url, head)
    except Refusal as refusal:
        raise errors.NodeLies(member=member, url=url, why_zh=refusal.zh, why_en=refusal.en) from None
    return Trusted(head.commit.header.height, header_hash(head.commit.header), (member,))


def _shown_by_all(newest: Trusted, ask: Ask, nodes: Mapping[str, str], heights: Mapping[str, int]) -> Trusted:
    shown = {newest.members[0]: newest.hash}
    for member in heights:
        try:
            shown.setdefault(member, block_hash(ask, nodes[member], newest.height))
        except Refusal:
            continue  # It has not come so far, or does not answer now.
    if len(set(shown.values())) > 1:
        raise errors.NodesDiffer(height=newest.height, said=told(shown))
    if len(shown) < SERVERS_MIN:
        raise errors.TooFewNodes(answered=len(shown), needed=SERVERS_MIN)
    return newest._replace(members=tuple(sorted(shown)))
