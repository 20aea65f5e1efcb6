"""Before the engine starts: does its key sign elsewhere, or did this folder forget what it signed?

The engine itself remembers the last vote it signed (`priv_validator_state.json`) and never signs another of
the same step. Where that file is lost or older than what the chain shows, the engine would sign again what it
has signed, which is proof of double signing. So the members' nodes are asked whose signatures the newest
blocks bear. A key that goes on signing while this node is down is in use elsewhere; one that does not may
begin here, above all it can have signed. No node is believed: of signatures only true ones count, of heights
those for whose block the validators' votes are shown. Else one liar could keep all others from starting.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from hansa.apps.consortium.validator_sets import ValidatorSet
from hansa.client.files import read_bounded, write_over
from hansa.kernel.commit import ABSENT, Commit, chain_id_of, vote_bytes
from hansa.kernel.facts import address
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, verify
from hansa.node import errors_supervision as errors
from hansa.node.joining_checks import ask_all
from hansa.node.joining_engine import Ask, Status, status
from hansa.node.joining_rotation import STATE, STATE_BYTES_MAX
from hansa.node.joining_trust import shown_commit, stands

ROUND_MAX = 2**31 - 1
STEP_PRECOMMIT = 3
LOOK_BACK = 3
LOOK_BACK_LOST = 20
"""Blocks looked into, where the folder knows what it signed and where it does not."""
FREE_AFTER = 3
"""So many further blocks without a signature of the key, and nobody else uses it."""
WATCH_MAX_S = 180.0
"""How long those blocks are waited for: an idle chain makes one in about 30 s."""
WATCH_EVERY_S = 1.0


class State(msgspec.Struct, frozen=True):
    """The engine's own note of its last vote; a height is a text in it."""

    height: str = "0"
    round: int = 0
    step: int = 0


class Look(NamedTuple):
    """How the members' nodes are asked, and for how long. `over`: the user gave up."""

    ask: Ask
    urls: Mapping[str, str]
    over: Callable[[], bool]
    sets: Callable[[str], Sequence[ValidatorSet]]
    """The validator sets from genesis on, as far as the node at an address shows them."""
    every_s: float = WATCH_EVERY_S
    watch_s: float = WATCH_MAX_S


class Key(NamedTuple):
    """A consensus key, and the chain on which it signs."""

    public: bytes
    chain: str


def guard(
    directory: Path, public: bytes, chain: str, look: Look, *, blocks: int, alone: bool = False,
    copy: Callable[[], None] | None = None,
) -> str:  # fmt: skip
    """What was done, in a word: fine, new, moved; then the engine may start with this key.

    `blocks`: how many this folder's ledger holds. `alone`: the operator's word that no other node has this
    key. `copy`: given where this folder's node never ran here: its key is watched in any case, if it has a
    seat, and then `copy` called, which may raise. Raises KeyInUse, KeyUnsure.
    """
    path, key = directory / STATE, Key(public, chain)
    state = read_state(path)
    known = 0 if state is None else int(state.height)
    heard = _heard(look, chain)
    seen = _last_signed(look, heard, key, LOOK_BACK if state is not None else LOOK_BACK_LOST)
    if seen > known or (copy is not None and _may_sign(look, heard, key)):
        newest = _watch(look, heard, key, seen, path, alone)
        if copy is not None and not alone:
            copy()
    elif state is not None and copy is None:
        return "fine"
    else:
        newest = _proved_height(look, heard, chain)
        if not newest and (blocks or state is not None) and not alone:
            raise errors.KeyUnsure(
                path=str(path),
                cause_zh="没有节点作出可以核实的应答",
                cause_en="no other node answers with what can be checked",
            )
        if not newest or state is not None:
            return "new" if state is None else "fine"
    _write(path, max(newest, known))
    return "moved"


def read_state(path: Path) -> State | None:
    """What the engine signed last; None where that is not known: no file, a damaged one, or nothing yet."""
    try:
        found = msgspec.json.decode(read_bounded(path, STATE_BYTES_MAX), type=State)
        return found if int(found.height) > 0 else None
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def _write(path: Path, height: int) -> None:
    """Nothing is signed at this height or below it any more."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    moved = State(height=str(height), round=ROUND_MAX, step=STEP_PRECOMMIT)
    write_over(path, msgspec.json.encode(moved))


def _heard(look: Look, chain: str) -> dict[str, int]:
    """The heights that the nodes of this network which answer say they have, by URL."""
    said = ask_all(look.ask, look.urls)
    return {
        look.urls[name]: one.height
        for name, one in said.items()
        if isinstance(one, Status) and one.network == chain_id_of(chain)
    }


def _proved_height(look: Look, heard: Mapping[str, int], chain: str) -> int:
    """The highest of these heights for whose block the validators' votes are shown; 0: of none."""
    return max((_proved(look, url, height, chain) for url, height in heard.items()), default=0)


def _proved(look: Look, url: str, height: int, chain: str) -> int:
    commit = shown_commit(look.ask, url, height) if height > 0 else None
    return height if commit is not None and stands(commit, look.sets(url), chain) else 0


def _last_signed(look: Look, heard: Mapping[str, int], key: Key, back: int) -> int:
    """The highest of the newest heights at which a node shows a signature of the key; 0: at none."""
    found = 0
    for url, height in heard.items():
        for at in range(height, max(height - back, 0), -1):
            commit = shown_commit(look.ask, url, at)
            if commit is None:
                break  # One that lets us wait does so once.
            if _bears(commit, key):
                found = max(found, at)
                break
    return found


def _may_sign(look: Look, heard: Mapping[str, int], key: Key) -> bool:
    """Whether the chain goes on, and the key has a seat in the newest set that a node shows."""
    return any(
        _proved(look, url, height, key.chain)
        and key.public in {seat.public for seat in look.sets(url)[-1].seats}
        for url, height in heard.items()
    )


def _bears(commit: Commit | None, key: Key) -> bool:
    """Whether a true signature of the key stands in what a node shows."""
    if commit is None or commit.header.chain_id != chain_id_of(key.chain):
        return False
    own = (vote for vote in commit.votes if vote.flag != ABSENT and vote.address == address(key.public))
    return any(verify(ED25519, key.public, vote.signature, vote_bytes(commit, vote)) for vote in own)


def _watch(look: Look, heard: Mapping[str, int], key: Key, seen: int, path: Path, alone: bool) -> int:
    """Wait for further blocks: none of them may bear the key's signature. The newest height then.

    The first one does not count: the key may have signed it before its node ended.
    """
    newest = max(seen, _proved_height(look, heard, key.chain))
    begin, until = newest + 1, time.monotonic() + look.watch_s
    while not look.over():
        for url, height in _heights(look, heard).items():
            top = _proved(look, url, height, key.chain)
            newest = max(newest, top)
            for at in range(begin + 1, top + 1):
                if _bears(shown_commit(look.ask, url, at), key):
                    raise errors.KeyInUse(address=address(key.public), height=at)
        if newest >= begin + FREE_AFTER:
            return newest
        if time.monotonic() > until:
            break
        time.sleep(look.every_s)
    if alone and not look.over():
        return newest
    waited = f"{look.watch_s:.0f}"
    raise errors.KeyUnsure(
        path=str(path),
        cause_zh=f"{waited} 秒内没有足够的新区块可供观察",
        cause_en=f"too few blocks came within {waited} s to see whether it signs elsewhere",
    )


def _heights(look: Look, urls: Iterable[str]) -> dict[str, int]:
    """What these nodes say now that they have."""
    found = {}
    for url in urls:
        try:
            found[url] = status(look.ask, url).height
        except Refusal:
            continue
    return found
