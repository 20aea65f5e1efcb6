"""Another operator without the old one: when it lost its key, vanished, or was caught.

A quorum of the cosigners in force signs which block is the last that stands, and which of them goes on. The
successor orders the next block, which begins with that; so the header of a height is always signed by the
operator of the newest set whose `since` is not above it, in the state after that block.
"""

from collections.abc import Callable, Sequence

from hansa.apps.consortium import errors_succession as errors
from hansa.apps.consortium.errors_validators import NoOperator
from hansa.apps.consortium.members import cosigner_set
from hansa.apps.consortium.messages import CosignersChanged, CosignerSet
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.tables import COSIGNERS
from hansa.kernel import Action, Context, Cosigner, replace, since, succession_bytes

Verify = Callable[[bytes, int, bytes, bytes], bool]
"""(public key, suite, signature, message) → whether it holds: as a contract's context has it."""


@since(2)
def alone(ctx: Context, actions: Sequence[Action]) -> bool:
    """Gate: a succession stands alone in its transaction. It is never held: it brings its own signatures."""
    if len(actions) > 1 and any(isinstance(action, Succeed) for action in actions):
        raise errors.SuccessionAlone()
    return False


@since(2)
def succeed(ctx: Context, a: Succeed) -> None:
    # Checks, cheapest first; the signatures cost most.
    present = cosigner_set(ctx)
    if present is None:
        raise NoOperator()
    succession = a.succession
    if succession.chain != ctx.chain or succession.height + 1 != ctx.height:
        raise errors.SuccessionElsewhere(height=succession.height, here=ctx.height)
    if present.since > ctx.height or (present.since == ctx.height and present.succeeds):
        raise errors.CosignersTwice()
    check_succession(present, a, ctx.verified)

    # Writes. A set that was voted to serve from this very height on is succeeded before it served.
    new = replace(present, operator=succession.operator, since=ctx.height, succeeds=present.operator)
    COSIGNERS.put(ctx, (ctx.height,), new)

    # Events.
    ctx.emit(
        CosignersChanged(
            operator=new.operator,
            cosigners=new.cosigners,
            quorum=new.quorum,
            since=new.since,
            succeeds=new.succeeds,
        )
    )


def check_succession(present: CosignerSet, a: Succeed, verify: Verify) -> None:
    """Whether a quorum of a set of cosigners hands the ledger to another one of them.

    Raises SuccessionNone, SuccessorUnfit, SuccessionSignature, SuccessionTooFew.
    """
    operator = a.succession.operator
    if len(present.cosigners) < 2:
        raise errors.SuccessionNone()
    if operator == present.operator or all(seat.member != operator for seat in present.cosigners):
        raise errors.SuccessorUnfit(member=operator)
    if len(a.signatures) > len(present.cosigners):
        raise errors.SuccessionSignature(member=a.signatures[-1].member)
    signed = len(signers(present.cosigners, a, verify))
    if signed < present.quorum:
        missing = present.quorum - signed
        raise errors.SuccessionTooFew(signed=signed, quorum=present.quorum, missing=missing)


def signers(cosigners: Sequence[Cosigner], a: Succeed, verify: Verify) -> Sequence[str]:
    """Members whose seat keys signed, each once. Raises SuccessionSignature for any other signature."""
    seats = {seat.member: seat.public for seat in cosigners}
    message = succession_bytes(a.succession)
    found: list[str] = []
    for signature in a.signatures:
        public = seats.get(signature.member)
        if (
            public is None
            or signature.member in found
            or not verify(public, signature.suite, signature.signature, message)
        ):
            raise errors.SuccessionSignature(member=signature.member)
        found.append(signature.member)
    return found
