"""Who signs the header of a height: the operator of the set in force there, until a vote changes it."""

from hansa.apps.consortium.messages import CosignerSet, Genesis
from hansa.apps.consortium.tables import COSIGNERS
from hansa.kernel.state import Committed, encode_key


def operator_key(state: Committed, genesis: Genesis, height: int) -> bytes:
    """The operator's public key for a height that the state knows, or for the next one.

    A set decided in a block serves from the next height on, so a block's own header is signed by the one
    before.
    """
    end = encode_key((height + 1,))
    for _, entry in state.rows(COSIGNERS.name, b"", end, True, COSIGNERS.decode):
        if entry is not None:
            found: CosignerSet = entry[1]
            return next((seat.public for seat in found.cosigners if seat.member == found.operator), b"")
    return genesis.node_public
