"""Before the month: two people of the plant sign together, the bank changes a key, members are voted in."""

from hansa.apps.consortium import cards
from hansa.apps.consortium.messages import AnyKeyKind, Member, NewKey, RegisterKey, UpdateMember
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
    _hour(world)
    put_to_vote(world, INSURER, ADMISSION, "maker")


def _vote(world: World) -> None:
    for member, yes in VOTES:
        _hour(world)
        world.clients[member].do(Vote(proposal=ADMISSION, yes=yes))
    world.clients[INSURER.id] = world.client(INSURER.id, FIRST_KEY)


def admit(world: World, company: Company, sponsor: str) -> None:
    """Vote a company in; every founder says yes until it is decided."""
    proposal = f"admit-{company.id}"
    put_to_vote(world, company, proposal, sponsor)
    for founder in world.genesis.members:
        listed = world.clients[sponsor].query("consortium.members", list[tuple[str, Member]])
        if company.id not in dict(listed):
            world.clients[founder.id].do(Vote(proposal=proposal, yes=True))
    world.clients[company.id] = world.client(company.id, FIRST_KEY)


def put_to_vote(world: World, company: Company, proposal: str, sponsor: str) -> None:
    """A company signs a card; its sponsor puts it to the vote."""
    start_ms = world.genesis.created_ms
    card = Card(
        member=company.id,
        company=_registered(company, start_ms),
        keys=(
            _new_key(world, company.id, FIRST_KEY, FIRST_KEY),
            _new_key(world, company.id, COLD_KEY, COLD_KEY, "recovery", "consortium.recover"),
        ),
        valid_until_ms=world.clock.now_ms + CARD_LIFE_MS,
        charter_sha256=world.genesis.charter_sha256,
    )
    signature = signer(world.seed, company.id, FIRST_KEY).sign(cards.message(world.chain, card))
    world.clients[sponsor].do(Propose(proposal=proposal, subject=Admit(card=card, signature=signature)))


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
