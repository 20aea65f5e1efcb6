"""Whose signatures can make a header final (rule 27)."""

from collections.abc import Sequence

from hansa.apps.consortium import errors_votes as errors
from hansa.apps.consortium.messages import CosignerSet, Genesis
from hansa.kernel import Cosigner, is_public_key, limits


def check_set(operator: str, cosigners: Sequence[Cosigner], quorum: int) -> None:
    """Refuse a set with which two histories could both be final, or in which nobody can sign.

    Of n cosigners f = (n−1)//3 may be faulty; a quorum is more than (n+f)/2. Raises CosignersInvalid,
    QuorumInvalid. Whether they are active members, the caller knows.
    """
    count = len(cosigners)
    members: dict[str, None] = {}
    publics: dict[bytes, None] = {}
    for cosigner in cosigners:
        if (
            count > limits.COSIGNERS_MAX
            or cosigner.member in members
            or cosigner.public in publics
            or not is_public_key(cosigner.public)
        ):
            raise errors.CosignersInvalid(limit=limits.COSIGNERS_MAX, member=cosigner.member)
        members[cosigner.member] = None
        publics[cosigner.public] = None
    if operator not in members:
        raise errors.CosignersInvalid(limit=limits.COSIGNERS_MAX, member=operator)
    faulty = (count - 1) // 3
    least = (count + faulty) // 2 + 1
    if not least <= quorum <= count:
        raise errors.QuorumInvalid(count=count, faulty=faulty, quorum=quorum, least=least)


def founding_set(genesis: Genesis) -> CosignerSet:
    """The set that a genesis file names: the operator alone where it names none. Raises as `check_set`."""
    own = Cosigner(member=genesis.operator, public=genesis.node_public)
    cosigners, quorum = (genesis.cosigners, genesis.quorum) if genesis.cosigners else ((own,), 1)
    check_set(genesis.operator, cosigners, quorum)
    if own not in cosigners:
        raise errors.CosignersInvalid(limit=limits.COSIGNERS_MAX, member=genesis.operator)
    return CosignerSet(operator=genesis.operator, cosigners=cosigners, quorum=quorum, since=1)
