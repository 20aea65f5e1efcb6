"""Who holds up a height that the engine comes to no decision on: read from the votes of its rounds.

Commits do not tell: who refuses every proposal signs the block all the same once the others have agreed on
it. Only where they cannot agree without that vote it shows, and then no commit comes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

ROUNDS = 8
"""So many of the newest rounds are looked at."""
ROUNDS_AGAINST = 2
"""A proposal may come late once: a vote against a block in so many rounds is meant."""
ABSENT = "nil-Vote"
"""How the engine writes that there is no vote."""
NO_BLOCK = "0" * 12
"""Beginning of the hash in a vote for none."""


class RoundVotes(msgspec.Struct, frozen=True):
    """First votes of a round, as the engine writes them, in the order of the validators."""

    prevotes: tuple[str, ...] = ()


class HeldUp(NamedTuple):
    """Addresses of validators."""

    absent: tuple[str, ...] = ()
    """No vote of theirs came."""
    against: tuple[str, ...] = ()
    """They voted for no block wherever others voted for one."""


NOBODY = HeldUp()


def held_up(addresses: Sequence[str], rounds: Sequence[RoundVotes]) -> HeldUp:
    """Who keeps the others from a decision, by the rounds of a height so far. The last one is under way."""
    done = [each for each in rounds[:-1] if len(each.prevotes) == len(addresses)][-ROUNDS:]
    votes = [[_block(vote) for vote in each.prevotes] for each in done]
    with_block = [each for each in votes if any(each)]
    return HeldUp(
        tuple(one for n, one in enumerate(addresses) if votes and all(each[n] is None for each in votes)),
        tuple(
            one
            for n, one in enumerate(addresses)
            if len(with_block) >= ROUNDS_AGAINST and all(each[n] == "" for each in with_block)
        ),
    )


def _block(vote: str) -> str | None:
    """Beginning of the hash of the block that a vote is for; empty: for none; None: there is no vote.

    `Vote{0:5CD2A4B1F0AA 7/02/SIGNED_MSG_TYPE_PREVOTE(Prevote) 8B01023386C3 …}`
    """
    parts = vote.split()
    if vote == ABSENT or len(parts) < 3:
        return None
    return "" if parts[2] == NO_BLOCK else parts[2]
