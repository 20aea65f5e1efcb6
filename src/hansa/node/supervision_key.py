"""Before the engine starts: does its key sign elsewhere, or did this folder forget what it signed?

The engine itself remembers the last vote it signed (`priv_validator_state.json`) and never signs another of
the same step. Where that file is lost or older than what the chain shows, the engine would sign again what it
has signed, which is proof of double signing. So the members' nodes are asked whose signatures the newest
blocks bear. A key that goes on signing while this node is down is in use elsewhere; one that does not may
begin here, above all it can have signed.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hansa.client.files import read_bounded, write_over
from hansa.kernel.commit import chain_id_of
from hansa.kernel.facts import address
from hansa.kernel.refusal import Refusal
from hansa.node import errors_supervision as errors
from hansa.node.joining_engine import Ask, Status, status
from hansa.node.joining_rotation import STATE, STATE_BYTES_MAX

ROUND_MAX = 2**31 - 1
STEP_PRECOMMIT = 3
SIGNED = 2
"""Flag of a signature in a commit: for the block, not absent and not for none."""
LOOK_BACK = 3
LOOK_BACK_LOST = 20
"""Blocks looked into, where the folder knows what it signed and where it does not."""
FREE_AFTER = 3
"""So many further blocks without a signature of the key, and nobody else uses it."""
WATCH_MAX_S = 180.0
"""How long those blocks are waited for: an idle chain makes one in about 30 s."""
WATCH_EVERY_S = 1.0
ASKED_MAX = 3
"""Nodes that are asked for whole commits."""


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
    every_s: float = WATCH_EVERY_S
    watch_s: float = WATCH_MAX_S


def guard(directory: Path, public: bytes, chain: str, look: Look, *, blocks: int, alone: bool = False) -> str:
    """What was done, in a word: fine, new, moved; then the engine may start with this key.

    `blocks`: how many this folder's ledger holds. `alone`: the operator's word that no other node has this
    key. Raises KeyInUse, KeyUnsure.
    """
    path = directory / STATE
    state = read_state(path)
    heard = _heard(look, chain)
    newest = max((said.height for said in heard.values()), default=0)
    if newest == 0:
        if state is None and blocks and not alone:
            raise errors.KeyUnsure(path=str(path), cause_zh="没有节点应答", cause_en="no other node answers")
        return "fine" if state is not None else "new"
    known = 0 if state is None else int(state.height)
    nodes = {url: said.height for url, said in heard.items()}
    seen = _last_signed(look, nodes, address(public), LOOK_BACK if state is not None else LOOK_BACK_LOST)
    if seen > known:
        newest = _watch(look, nodes, address(public), newest, path, alone)
    elif state is not None:
        return "fine"
    _write(path, newest)
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


def _heard(look: Look, chain: str) -> dict[str, Status]:
    """What the nodes of this network say that answer, by URL; those with the newest blocks first."""
    found = {}
    for url in look.urls.values():
        try:
            said = status(look.ask, url)
        except Refusal:
            continue
        if said.network == chain_id_of(chain):
            found[url] = said
    newest = sorted(found.items(), key=lambda item: -item[1].height)
    return dict(newest[:ASKED_MAX])


def _last_signed(look: Look, nodes: Mapping[str, int], own: str, back: int) -> int:
    """The highest of the newest heights at which a node shows a signature of the key; 0: at none."""
    found = 0
    for url, height in nodes.items():
        for at in range(height, max(height - back, 0), -1):
            if _signed(look.ask, url, at, own):
                found = max(found, at)
                break
    return found


def _signed(ask: Ask, url: str, height: int, own: str) -> bool:
    """Whether a node shows a signature of the key for a block. What it does not answer shows none."""
    try:
        said, _ = ask(url, "commit", {"height": str(height)})
        found: list[dict[str, Any]] = said["signed_header"]["commit"]["signatures"]
        return any(
            str(each["validator_address"]).lower() == own and each["block_id_flag"] == SIGNED
            for each in found
        )
    except (Refusal, KeyError, TypeError, AttributeError):
        return False


def _watch(look: Look, nodes: Mapping[str, int], own: str, newest: int, path: Path, alone: bool) -> int:
    """Wait for further blocks: none of them may bear the key's signature. The newest height then.

    The first one does not count: the key may have signed it before its node ended.
    """
    begin, until = newest + 1, time.monotonic() + look.watch_s
    looked = begin
    while not look.over():
        for url in nodes:
            try:
                top = status(look.ask, url).height
            except Refusal:
                continue
            newest = max(newest, top)
            for at in range(begin + 1, top + 1):
                if _signed(look.ask, url, at, own):
                    raise errors.KeyInUse(address=own, height=at)
            looked = max(looked, top)
        if looked >= begin + FREE_AFTER:
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
