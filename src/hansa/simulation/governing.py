"""Before the month: two people of the plant sign together, the bank changes a key, an insurer is voted in."""

from hansa.apps.consortium import cards
from hansa.apps.consortium.messages import AnyKeyKind, NewKey, RegisterKey, UpdateMember
from hansa.apps.consortium.messages import Company as Registered
from hansa.apps.consortium.messages_approvals import ApprovalRule, Approve, SetApproval
from hansa.apps.consortium.messages_votes import Admit, Card, Propose, Vote
from hansa.kernel import limits
from hansa.kernel.signatures import possession
from hansa.simulation import cast
from hansa.simulation.cast import COLD_KEY, COMPANIES, FIRST_KEY, INSURER, SECOND_KEY, Company, signer
from hansa.simulation.world import Progress, World, silent

ADMISSION = "admit-insurer"
VOTES = (("maker", True), ("auditor", False), ("plant", True), ("bank", True))
NEW_KEY = "clerk-2"
"""Of the bank, instead of its first one."""
APPROVAL_DAYS = 7
OVERLAP_MS = 30 * limits.DAY_MS
CARD_LIFE_MS = 60 * limits.DAY_MS
STEPS = 4


def govern(world: World, progress: Progress = silent) -> None:
    """What members decide and change, an hour apart each. All by their own clients."""
    for done, step in enumerate((_approve, _rotate, _propose, _vote), 1):
        step(world)
        progress("表决、密钥、审批", "Votes, keys, approvals", done, STEPS)


def _approve(world: World) -> None:
    """The plant rules that its registered data are changed by two people; then two people change them."""
    plant = next(company for company in COMPANIES if company.id == "plant")
    rule = ApprovalRule(action="consortium.update_member", holders=2, days=APPROVAL_DAYS)
    _hour(world)
    world.clients["plant"].do(SetApproval(rule=rule))
    _hour(world)
    change = UpdateMember(
        size=plant.size,
        roles=plant.roles,
        licences=cast.licences(plant, world.genesis.created_ms, ("metrology",)),
    )
    held = world.clients["plant"].do(change)
    _hour(world)
    world.client("plant", SECOND_KEY).do(Approve(held=held.transaction))


def _rotate(world: World) -> None:
    """The bank's clerk gets a new key; the old one serves a month longer."""
    _hour(world)
    key = _new_key(world, "bank", NEW_KEY, FIRST_KEY)
    world.clients["bank"].do(RegisterKey(key=key, replaces=FIRST_KEY, overlap_ms=OVERLAP_MS))
    world.clients["bank"] = world.client("bank", NEW_KEY)


def _propose(world: World) -> None:
    """The insurer signs a card; the maker puts it to the vote."""
    _hour(world)
    start_ms = world.genesis.created_ms
    card = Card(
        member=INSURER.id,
        company=_registered(INSURER, start_ms),
        keys=(
            _new_key(world, INSURER.id, FIRST_KEY, FIRST_KEY),
            _new_key(world, INSURER.id, COLD_KEY, COLD_KEY, "recovery", "consortium.recover"),
        ),
        valid_until_ms=start_ms + CARD_LIFE_MS,
        charter_sha256=world.genesis.charter_sha256,
    )
    signature = signer(world.seed, INSURER.id, FIRST_KEY).sign(cards.message(world.chain, card))
    world.clients["maker"].do(Propose(proposal=ADMISSION, subject=Admit(card=card, signature=signature)))


def _vote(world: World) -> None:
    for member, yes in VOTES:
        _hour(world)
        world.clients[member].do(Vote(proposal=ADMISSION, yes=yes))
    world.clients[INSURER.id] = world.client(INSURER.id, FIRST_KEY)


def _hour(world: World) -> None:
    world.advance(world.clock.now_ms + limits.HOUR_MS)


def _registered(company: Company, start_ms: int) -> Registered:
    return Registered(
        name_zh=company.name_zh,
        name_en=company.name_en,
        registration=cast.registration(company),
        size=company.size,
        roles=company.roles,
        licences=cast.licences(company, start_ms),
    )


def _new_key(
    world: World, member: str, name: str, holder: str, kind: AnyKeyKind = "person", *scopes: str
) -> NewKey:
    """A key with its proof of possession. The holder is that of the key `holder`."""
    own = signer(world.seed, member, name)
    return NewKey(
        id=name,
        public=own.public,
        holder=f"{member}-{holder}",
        kind=kind,
        scopes=scopes or ("*",),
        expires_ms=world.genesis.created_ms + cast.KEY_LIFE_MS,
        proof=own.sign(possession(world.chain, member, name, own.public)),
    )
