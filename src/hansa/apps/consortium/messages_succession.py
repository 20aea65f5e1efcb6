"""What hands the ledger over to another operator without the old one: signatures of the cosigners' seats."""

from hansa.kernel import Action, Cosignature, Succession


class Succeed(Action, tag="consortium.succeed"):
    """The ledger goes on with another operator, after the block that the cosigners name.

    It begins the very next block, alone in its transaction, and the successor itself orders that block. Any
    member's key may bring it: what counts are the signatures, which need neither the old operator nor a vote.
    """

    succession: Succession
    """What is signed: after which block, with which operator."""
    signatures: tuple[Cosignature, ...]
    """By the seat keys of a quorum of the cosigners in force, each once, over the same bytes."""
