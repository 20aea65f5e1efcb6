"""Under whose word a stored header stands: its operator's signature, or the commits of a network's engine.

A network has no operator. Its headers lie on disk without a signature, alike on every node; whoever asks for
proof is shown a commit of the validators over the same `app_hash` (rule 28).
"""

from hansa.apps.consortium.messages import Genesis
from hansa.kernel.commit import COMMIT
from hansa.kernel.evidence import Header, SignedHeader, signed_by


def sealed(header: Header) -> SignedHeader:
    """A header of a network, as every node stores it."""
    return SignedHeader(header=header, suite=COMMIT, signature=b"")


def stands(signed: SignedHeader, genesis: Genesis, operator: bytes) -> bool:
    """Whether a stored header is one of this chain's: signed by the operator's key, or sealed as above."""
    if genesis.is_network:
        return signed == sealed(signed.header)
    return signed_by(signed, operator)
