"""Another consensus key for a running node, without ever signing one height with two.

The new key lies beside the old one (`validator.next.key`) until the members' ledger names it; it then takes
the old one's place between a stop and a start of the node. The engine learns of a new set two heights later:
until then the old key's seat is silent, which costs the network one absent vote.
"""

from pathlib import Path

import msgspec

from hansa.client.files import read_bounded, write_over
from hansa.client.keyfiles import PrivateKey, new_key, public_of, read_key, write_key
from hansa.kernel.facts import address
from hansa.node import errors_joining as errors
from hansa.node.settings_engine import ENGINE, VALIDATOR_KEY

NEXT_KEY = "validator.next.key"
STATE = Path(ENGINE) / "data" / "priv_validator_state.json"
"""What the engine signed last: height, round, step."""
STATE_BYTES_MAX = 65_536


class _Signed(msgspec.Struct):
    """The engine's own file; a height is a text in it."""

    height: str = "0"
    round: int = 0
    step: int = 0


def next_key(directory: Path) -> PrivateKey:
    """The key to come: that of a rotation which has begun, else a new one; on disk before it is shown."""
    path = directory / NEXT_KEY
    if not path.exists():
        write_key(path, new_key().seed)
    return read_key(path)


def due(directory: Path, public: bytes) -> bool:
    """Whether the ledger names, as this member's, the key that lies ready to take over."""
    path = directory / NEXT_KEY
    return path.exists() and public_of(path) == public


def take_over(directory: Path, public: bytes) -> bool:
    """Put the next key in place, if the ledger names it (`public`): only while the node does not run.

    The old key stays in the folder under the name of its address; nothing asks for it any more. Whatever
    interrupts it, calling it again goes on. Returns whether a key was put in place. Raises KeyMissing, …
    """
    if not due(directory, public):
        return False
    _forget_what_the_old_key_signed(directory / STATE)
    current = directory / VALIDATOR_KEY
    if current.exists():
        kept = directory / f"validator.{address(public_of(current))}.key"
        if kept.exists():
            raise errors.OldKeyThere(path=str(kept))
        current.rename(kept)
    (directory / NEXT_KEY).rename(current)
    return True


def _forget_what_the_old_key_signed(path: Path) -> None:
    """Keep where it stood, so that the new key signs nothing at or below; drop the old key's signature."""
    if not path.exists():
        return
    try:
        stood = msgspec.json.decode(read_bounded(path, STATE_BYTES_MAX), type=_Signed)
    except (ValueError, msgspec.MsgspecError) as error:
        raise errors.SignStateDamaged(path=str(path), detail=str(error)) from None
    write_over(path, msgspec.json.format(msgspec.json.encode(stood), indent=2))
