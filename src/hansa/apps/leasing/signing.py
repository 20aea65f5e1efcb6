"""From what was agreed on to a lease that binds: both sign the same text, then all of it happens at once."""

from hansa.apps.billing import interface as billing
from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import booking, errors, text
from hansa.apps.leasing.assets import described
from hansa.apps.leasing.lease_rules import check_consented, check_nature, check_room, known, of_party
from hansa.apps.leasing.messages import Attachment, Lease, Link, Part, Sign, Signature, Withdraw
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.apps.leasing.messages_told import Concluded, EndedEarly, Signed, Withdrawn
from hansa.apps.leasing.proposals import agreement_of, lenders_of
from hansa.apps.leasing.reservations import reserved, signed, slot_of
from hansa.apps.leasing.tables_life import CHAIN, LEASES, PARTS
from hansa.apps.leasing.text_draft import Draft, Party
from hansa.apps.money import interface as money
from hansa.kernel import Context, due, limits, replace, since

LAST_MS = 1
"""A lease that was not handed over so long before its end is over."""
FUND_KINDS: tuple[money.FundKind, ...] = ("security_deposit", "prepayment", "earnest_money")


@since(2)
def sign(ctx: Context, a: Sign) -> None:
    # Checks, cheapest first. What a sublease rests on cannot change while its days are reserved, but for
    # the consents to it.
    terms = reserved(ctx, a.lease).terms
    if ctx.member not in (terms.lessor, terms.lessee):
        raise errors.NotOfLease(member=ctx.member, lease=a.lease)
    _check_attachments(a.attachments)
    before = LEASES.get(ctx, (a.lease,)) or _unsigned(ctx, terms)
    if any(each.member == ctx.member for each in before.signatures) and a.content == before.content:
        raise errors.SignedAlready(member=ctx.member, lease=a.lease)
    consortium.check_may_enter(ctx, terms.lessor, terms.lessee)
    check_nature(ctx, terms.lessor, terms.nature)
    if terms.head:
        check_consented(ctx, terms.head, terms.from_ms, terms.to_ms, terms.lessee)
    if a.content != text.content(draft_of(ctx, a.lease, terms, a.attachments)):
        raise errors.OtherText(lease=a.lease)
    others = _standing(ctx, a.lease, before, a.content)

    # Writes and events.
    own = Signature(member=ctx.member, key=ctx.key, at_ms=ctx.time_ms)
    lease = replace(
        before,
        content=a.content,
        edition=text.EDITION,
        attachments=a.attachments,
        signatures=(*others, own),
    )
    LEASES.put(ctx, (a.lease,), lease)
    for member in (terms.lessor, terms.lessee):
        PARTS.put(ctx, (member, a.lease), Part(lessor=member == terms.lessor))
    ctx.emit(Signed(lease=a.lease, by=ctx.member, content=a.content))
    if others:
        _conclude(ctx, a.lease, lease)


@since(2)
def withdraw(ctx: Context, a: Withdraw) -> None:
    # Checks.
    lease = of_party(ctx, a.lease, "signed")

    # Writes and events.
    undo(ctx, a.lease, lease, ctx.member)


@since(2)
def unstarted_due(ctx: Context, name: str) -> None:
    """A lease that was not handed over in time: nothing is charged until it is; at its end it is void.

    Its agreement waits for its last instant; void is void before that comes, so that nothing is ever stated.
    """
    lease = LEASES.get(ctx, (name,))
    if lease is None or lease.state != "signed" or ctx.time_ms < lease.terms.from_ms:
        return
    last_ms = lease.end_ms - LAST_MS
    if ctx.time_ms >= last_ms:
        undo(ctx, name, lease, "")
        return
    begin(ctx, name, last_ms)
    due.at(ctx, last_ms, unstarted_due, lease.terms.lessor, name)


def draft_of(ctx: Context, name: str, terms: LeaseTerms, attachments: tuple[Attachment, ...]) -> Draft:
    """All that the text of a lease is made from. Raises AssetUnknown, TariffUnknown, CalendarUnknown."""
    published = billing.tariff(ctx, terms.tariff_owner, terms.tariff, terms.tariff_version)
    return Draft(
        lease=name,
        terms=terms,
        lessor=_party(ctx, terms.lessor),
        lessee=_party(ctx, terms.lessee),
        asset=described(ctx, terms.asset_owner, terms.asset, terms.asset_version),
        tariff=published.tariff,
        calendar=consortium.calendar(ctx, published.calendar_owner, published.calendar),
        attachments=attachments,
    )


def begin(ctx: Context, name: str, from_ms: int) -> None:
    """Have the lease's agreement count from another time on."""
    if billing.agreement(ctx, name).from_ms != from_ms:
        billing.begin(ctx, name, from_ms)


def undo(ctx: Context, name: str, lease: Lease, by: str) -> None:
    """A lease that was signed ends before the handover; `by`: who steps back, "": neither, or both."""
    terms = lease.terms
    billing.end_early(ctx, name, billing.agreement(ctx, name).from_ms)
    if ctx.time_ms < lease.end_ms:
        booking.unbook(ctx, name)
    earnest = money.name_of(name, "earnest_money")
    found = money.fund(ctx, earnest)
    if found is not None and found.paid_in and not found.ended:
        if by == terms.lessee:
            money.forfeit(ctx, earnest)
        elif by == terms.lessor:
            money.double(ctx, earnest)
    for kind in FUND_KINDS:
        give_back(ctx, name, kind)
    LEASES.put(ctx, (name,), replace(lease, state="void"))
    ctx.emit(Withdrawn(lease=name, by=by))


def is_open(ctx: Context, fund: str) -> bool:
    """Whether there is a fund of the name from which something may still go."""
    found = money.fund(ctx, fund)
    return found is not None and not found.ended


def give_back(ctx: Context, name: str, kind: money.FundKind) -> None:
    """What is left of a lease's fund goes back; nothing where there is none."""
    fund = money.name_of(name, kind)
    if is_open(ctx, fund):
        money.return_fund(ctx, fund)


def _party(ctx: Context, member: str) -> Party:
    company = consortium.company(ctx, member)
    registration = f"{company.registration.kind} {company.registration.number}"
    return Party(member, company.name_zh, company.name_en, registration)


def _unsigned(ctx: Context, terms: LeaseTerms) -> Lease:
    depth = known(ctx, terms.head).depth + 1 if terms.head else 0
    return Lease(terms=terms, content="0" * 64, edition=0, state="signing", end_ms=terms.to_ms, depth=depth)


def _check_attachments(attachments: tuple[Attachment, ...]) -> None:
    names = [each.name for each in attachments]
    for position, name in enumerate(names):
        if names.index(name) != position or position == limits.ATTACHMENTS_MAX:
            raise errors.AttachmentUnfit(name=name, limit=limits.ATTACHMENTS_MAX)


def _standing(ctx: Context, name: str, lease: Lease, content: str) -> tuple[Signature, ...]:
    """The other party's signature under the same text. One under a text that is out of date counts no more.

    Raises OtherText where the other signed a text that still stands, and this is not it.
    """
    others = tuple(each for each in lease.signatures if each.member != ctx.member)
    if not others or content == lease.content:
        return others
    if lease.content == text.content(draft_of(ctx, name, lease.terms, lease.attachments)):
        raise errors.OtherText(lease=name)
    return ()


def _conclude(ctx: Context, name: str, lease: Lease) -> None:
    """Both have signed: agreement, funds and booking, within this transaction or not at all."""
    terms = lease.terms
    if terms.head:
        check_room(ctx, terms.head)
    if lease.replaces:
        _take_over(ctx, name, lease)
    signed(ctx, name)
    billing.agree(ctx, name, agreement_of(terms), lease.content, lenders_of(terms))
    _open_funds(ctx, name, terms)
    LEASES.put(ctx, (name,), replace(lease, state="signed"))
    CHAIN.put(ctx, (terms.asset_owner, terms.asset, terms.head, terms.from_ms, name), Link())
    due.at(ctx, terms.from_ms, unstarted_due, terms.lessor, name)
    ctx.emit(
        Concluded(
            lease=name,
            lessor=terms.lessor,
            lessee=terms.lessee,
            content=lease.content,
            replaces=lease.replaces,
        )
    )


def _open_funds(ctx: Context, name: str, terms: LeaseTerms) -> None:
    amounts = (terms.security_deposit_minor, terms.prepayment_minor, terms.earnest_minor)
    for kind, agreed_minor in zip(FUND_KINDS, amounts, strict=True):
        if agreed_minor:
            fund = money.Fund(
                kind=kind,
                payer=terms.lessee,
                holder=terms.lessor,
                currency=terms.currency,
                agreed_minor=agreed_minor,
                due_ms=terms.from_ms,
                subject=name,
                mode=terms.mode,
                bank=terms.bank,
                secured_minor=terms.expected_minor if kind == "earnest_money" else 0,
            )
            money.open_fund(ctx, money.name_of(name, kind), fund)


def _take_over(ctx: Context, name: str, lease: Lease) -> None:
    """The lease that this one replaces ends where this one begins, and its booking makes room."""
    terms, old_name = lease.terms, lease.replaces
    old = known(ctx, old_name)
    if old.state != "running":
        raise errors.WrongState(lease=old_name, state=old.state)
    if old.end_ms != terms.to_ms or terms.from_ms <= old.start_ms:
        raise errors.TransferUnfit(clause="to_ms", lease=old_name, name="to_ms")
    billing.end_early(ctx, old_name, terms.from_ms)
    booking.move_end(ctx, old_name, terms.from_ms)
    LEASES.put(ctx, (old_name,), replace(old, end_ms=terms.from_ms))
    booking.book(ctx, name, slot_of(terms), until_ms=terms.sign_by_ms)
    ctx.emit(EndedEarly(lease=old_name, to_ms=terms.from_ms, ground="agreed"))
