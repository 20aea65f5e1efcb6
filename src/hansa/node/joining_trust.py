"""Where a joiner begins: a block that the validators signed, followed from the genesis file on.

Whoever shows it need not be trusted, and what nobody proves is no beginning, however many nodes say it: an
invitation may have been changed on its way, and then all the nodes that it names are one liar's.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.validator_sets import ValidatorSet, set_at, sets_followed
from hansa.client.engine_answers import commit_of
from hansa.client.http import Http
from hansa.client.trust import Trust
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import Commit, counted, header_hash, without_false_votes
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal
from hansa.node import errors_joining as errors
from hansa.node.joining_engine import ANSWER_TIME_MAX_S, SERVERS_MIN, Ask, Trusted, block_hash, told

CHANGES_BYTES_MAX = 64 * 2**20
"""Of a node's list of all changes of the set."""
Fetch = Callable[[str], tuple[SignedHeader | None, Sequence[Handover]]]
"""The newest header with its commit that a node shows, and all changes of the set. Raises a Refusal."""


def over_http(chain: str, ca: Path | None = None) -> Fetch:
    """Ask a node by HTTP, without a session."""

    def fetch(url: str) -> tuple[SignedHeader | None, Sequence[Handover]]:
        with _node(url, chain, ca) as node:
            return node.final(), node.handovers()

    return fetch


def sets_shown(genesis: bytes, chain: str) -> Callable[[str], Sequence[ValidatorSet]]:
    """The validator sets that a node's changes lead to, from genesis on: at least the founding one."""
    founded = decode_strict(genesis, Genesis)

    def shown(url: str) -> Sequence[ValidatorSet]:
        try:
            with _node(url, chain, None) as node:
                changes = node.handovers()
        except Refusal:
            changes = ()
        return sets_followed(founded, chain, changes)

    return shown


def _node(url: str, chain: str, ca: Path | None) -> Http:
    return Http(
        url, chain=chain, ca=ca, patience_s=0, timeout_s=ANSWER_TIME_MAX_S, answer_bytes_max=CHANGES_BYTES_MAX
    )


def shown_commit(ask: Ask, url: str, height: int) -> Commit | None:
    """The commit that a node shows of a height of the engine, unchecked; None: it shows none."""
    try:
        said, _ = ask(url, "commit", {"height": str(height)})
        found = commit_of(msgspec.json.encode(said))
    except (Refusal, msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return None
    return found if found.header.height == height else None


def stands(commit: Commit, sets: Sequence[ValidatorSet], chain: str) -> bool:
    """Whether more than two thirds of the set of its height voted for a commit's header."""
    seats = set_at(sets, commit.header.height).seats
    return counted(without_false_votes(commit, seats), seats, chain).holds


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
    commit, NodesDiffer, TooFewNodes, NothingProved.
    """
    if len(heights) < SERVERS_MIN:
        raise errors.TooFewNodes(answered=len(heights), needed=SERVERS_MIN)
    newest: Trusted | None = None
    common = max(min(heights.values()), 1)
    for member in heights:
        found = proved(genesis, chain, member, nodes[member], common, ask, fetch, clock)
        if found is not None and (newest is None or found.height > newest.height):
            newest = found
    if newest is None:
        raise errors.NothingProved(answered=len(heights))
    return _shown_by_all(newest, ask, nodes, heights)


def proved(
    genesis: bytes,
    chain: str,
    member: str,
    url: str,
    height: int,
    ask: Ask,
    fetch: Fetch,
    clock: Callable[[], int],
) -> Trusted | None:
    """The block of a node's newest header, if the validators of its height signed it; None: it proves none.

    Where it has no header yet (a network in which nothing happened), its engine's block of `height`. Raises
    NodeLies where it shows a header that they did not sign.
    """
    head: SignedHeader | None
    try:
        head, handovers = fetch(url)
    except Refusal:
        head, handovers = None, ()
    trust = Trust(genesis, chain, None, clock)
    trust.learn_sets(handovers)
    if head is None or head.commit is None:
        commit = shown_commit(ask, url, height)
        if commit is None or not stands(commit, trust.sets, chain):
            return None
        return Trusted(height, header_hash(commit.header), (member,))
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
