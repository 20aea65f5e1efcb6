"""The card by which a company asks to join a network: data, first keys, consensus key, charter. Pure."""

from hansa.apps.consortium import cards
from hansa.apps.consortium.messages import AnyKeyKind, Company, NewKey
from hansa.apps.consortium.messages_votes import Admit, Card, OfferedKey
from hansa.apps.consortium.validators import message as of_validator
from hansa.client.keyfiles import PrivateKey
from hansa.kernel import limits, possession
from hansa.node.joining_folder import WORKER_KEY, WORKER_SCOPES, Keys

DAILY_KEY, RECOVERY_KEY = "k1", "recovery"
KEY_DAYS, CARD_DAYS = 730, 30


def admission(
    chain: str,
    member: str,
    company: Company,
    keys: Keys,
    now_ms: int,
    *,
    charter_sha256: str = "",
    recovery: PrivateKey | None = None,
    validates: bool = True,
    days: int = CARD_DAYS,
) -> Admit:
    """A card of a company for this network, with proof that each of its keys is held, signed by the first.

    `validates`: the vote that admits it seats its node as a validator as well.
    """

    def key(name: str, private: PrivateKey, kind: AnyKeyKind, scopes: tuple[str, ...], life: int) -> NewKey:
        proof = private.signer.sign(possession(chain, member, name, private.public))
        return NewKey(
            id=name, public=private.public, holder=f"{member}-{name}"[:64], kind=kind, scopes=scopes,
            expires_ms=now_ms + life * limits.DAY_MS, proof=proof,
        )  # fmt: skip

    listed = [key(DAILY_KEY, keys.daily, "person", ("*",), KEY_DAYS)]
    if recovery is not None:
        listed.append(key(RECOVERY_KEY, recovery, "recovery", ("consortium.recover",), 5 * KEY_DAYS))
    listed.append(key(WORKER_KEY, keys.worker, "worker", WORKER_SCOPES, 5 * KEY_DAYS))
    made = Card(
        member=member,
        company=company,
        keys=tuple(listed),
        valid_until_ms=now_ms + days * limits.DAY_MS,
        charter_sha256=charter_sha256,
        validator=_offered(chain, member, keys.validator) if validates else None,
    )
    return Admit(card=made, signature=keys.daily.signer.sign(cards.message(chain, made)))


def _offered(chain: str, member: str, key: PrivateKey) -> OfferedKey:
    return OfferedKey(public=key.public, proof=key.signer.sign(of_validator(chain, member, key.public)))
