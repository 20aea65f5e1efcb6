"""Tariffs and agreements: published, proposed, accepted; ended early or extended by rooms that lease."""

from hansa.apps.billing import errors, errors_life, errors_trade
from hansa.apps.billing.books import deal_of, forget, of_party
from hansa.apps.billing.check_feeds import is_check
from hansa.apps.billing.closing import close_due
from hansa.apps.billing.deal import Deal, bound, content, period_from
from hansa.apps.billing.elements_trade import Split
from hansa.apps.billing.lawful import check_floor, check_lawful
from hansa.apps.billing.messages import (
    Accept,
    Accepted,
    Account,
    Agreement,
    AgreementChanged,
    Binding,
    Kept,
    Propose,
    Proposed,
    PublishedTariff,
    PublishTariff,
    TariffPublished,
    Withdraw,
    Withdrawn,
)
from hansa.apps.billing.meters import check_bound, check_meters
from hansa.apps.billing.prices import check_indices, check_series
from hansa.apps.billing.pricing import value_in_force
from hansa.apps.billing.saying import utc_text
from hansa.apps.billing.tables import ACCOUNTS, AGREEMENTS, KEPT, TARIFFS
from hansa.apps.billing.tariff import check_rates, check_tariff
from hansa.apps.billing.terms import check_terms
from hansa.apps.consortium import interface as consortium
from hansa.apps.metering import interface as metering
from hansa.apps.money import interface as money
from hansa.kernel import Context, due, limits, replace

ACCOUNTS_PER_FEED_MAX = 16
DAYS_PER_YEAR = 366
SETTLEMENT_RULES = 2
"""Rules under which terms may say what becomes of a statement."""


def publish_tariff(ctx: Context, a: PublishTariff) -> None:
    # Checks, cheapest first.
    if TARIFFS.get(ctx, (ctx.member, a.id, a.version)) is not None:
        raise errors.TariffTaken(id=a.id, version=a.version)
    consortium.check_may_enter(ctx, ctx.member)
    consortium.calendar(ctx, a.calendar_owner, a.calendar)
    check_tariff(a.tariff, ctx.rules)
    check_series(ctx, a.tariff, a.calendar_owner, a.calendar)

    # Writes.
    TARIFFS.put(
        ctx,
        (ctx.member, a.id, a.version),
        PublishedTariff(tariff=a.tariff, calendar_owner=a.calendar_owner, calendar=a.calendar),
    )

    # Events.
    ctx.emit(TariffPublished(owner=ctx.member, id=a.id, version=a.version))


def propose(ctx: Context, a: Propose) -> None:
    # Checks, cheapest first.
    if ctx.member != a.provider and ctx.member != a.user:
        raise errors.NotParty(member=ctx.member, agreement=a.agreement)
    if KEPT.get(ctx, (a.agreement,)) is not None:
        raise errors.AgreementTaken(agreement=a.agreement)
    agreement = Agreement(
        provider=a.provider,
        user=a.user,
        proposer=ctx.member,
        tariff_owner=a.tariff_owner,
        tariff=a.tariff,
        tariff_version=a.tariff_version,
        meters=a.meters,
        terms=a.terms,
        from_ms=a.from_ms,
        to_ms=a.to_ms,
        state="proposed",
    )
    check_new(ctx, a.agreement, agreement)

    # Writes.
    AGREEMENTS.put(ctx, (a.agreement,), agreement)

    # Events.
    ctx.emit(Proposed(agreement=a.agreement, provider=a.provider, user=a.user, proposer=ctx.member))


def accept(ctx: Context, a: Accept) -> None:
    # Checks, cheapest first. What held when it was proposed may not hold any more.
    agreement = of_party(ctx, a.agreement)
    if agreement.state != "proposed":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)
    if agreement.proposer == ctx.member:
        raise errors.OwnProposal(agreement=a.agreement)
    consortium.check_may_enter(ctx, agreement.provider, agreement.user)
    if a.content != content(a.agreement, deal_of(ctx, agreement)):
        raise errors.OtherContent(agreement=a.agreement)
    deal = _check_bound_now(ctx, a.agreement, agreement)

    # Writes and events.
    _bind(ctx, a.agreement, deal)


def withdraw(ctx: Context, a: Withdraw) -> None:
    # Checks.
    agreement = of_party(ctx, a.agreement)
    if agreement.state != "proposed":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)

    # Writes.
    AGREEMENTS.put(ctx, (a.agreement,), replace(agreement, state="withdrawn"))

    # Events.
    ctx.emit(Withdrawn(agreement=a.agreement, by=ctx.member))


# For rooms that lease: they vouch that both parties signed.


def keep_id(ctx: Context, name: str) -> None:
    """Nobody proposes an agreement of this id: it waits for `agree`. Raises AgreementTaken."""
    if AGREEMENTS.get(ctx, (name,)) is not None:
        raise errors.AgreementTaken(agreement=name)
    KEPT.put(ctx, (name,), Kept(since_ms=ctx.time_ms))


def agree(ctx: Context, name: str, agreement: Agreement, signed: str, feeds_of: tuple[str, ...] = ()) -> None:
    """An agreement that both parties signed elsewhere: proposed and accepted at once, by the same checks."""
    # Checks, cheapest first.
    if agreement.proposer not in (agreement.provider, agreement.user):
        raise errors.NotParty(member=agreement.proposer, agreement=name)
    proposed = replace(
        agreement, state="proposed", next_from_ms=0, agreed_from_ms=0, agreed_to_ms=0, signed=signed
    )
    check_new(ctx, name, proposed, feeds_of)
    deal = _check_bound_now(ctx, name, proposed)

    # Writes and events.
    _bind(ctx, name, deal)


def begin(ctx: Context, name: str, from_ms: int) -> None:
    """The agreement begins at `from_ms`, not earlier than agreed: nothing before counts."""
    # Checks, cheapest first.
    agreement = _running(ctx, name)
    agreed_ms = agreement.agreed_from_ms or agreement.from_ms
    if agreement.next_from_ms != agreement.from_ms or not agreed_ms <= from_ms < agreement.to_ms:
        raise errors_life.BeginTime(agreement=name, start=utc_text(from_ms))
    _check_recorded(ctx, name, agreement, from_ms - 1)

    # Writes and events.
    forget(ctx, name, agreement)
    _change_time(ctx, name, deal_of(ctx, agreement), from_ms, agreement.to_ms)


def end_early(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement ends at `to_ms`, not earlier than now; what is open is stated as ever.

    At its start or before: it never began, and nothing is stated.
    """
    # Checks, cheapest first.
    agreement = _running(ctx, name)
    if to_ms <= agreement.from_ms == agreement.next_from_ms:
        _void(ctx, name, deal_of(ctx, agreement))
        return
    if not max(agreement.next_from_ms + 1, ctx.time_ms) <= to_ms < agreement.to_ms:
        raise errors_life.EndTime(agreement=name, end=utc_text(to_ms))
    _check_recorded(ctx, name, agreement, to_ms)

    # Writes and events.
    _change_time(ctx, name, deal_of(ctx, agreement), agreement.from_ms, to_ms)


def extend(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement goes on until `to_ms`, by the same tariff and terms."""
    # Checks, cheapest first.
    agreement = _running(ctx, name)
    if not agreement.to_ms < to_ms <= agreement.from_ms + limits.AGREEMENT_MAX_MS:
        raise errors_life.EndTime(agreement=name, end=utc_text(to_ms))
    _check_recorded(ctx, name, agreement, agreement.to_ms)
    longer = deal_of(ctx, replace(agreement, to_ms=to_ms))
    _check_calendar(longer)
    for binding in agreement.meters:
        _check_overlap(ctx, name, longer.agreement, binding)

    # Writes and events.
    _change_time(ctx, name, deal_of(ctx, agreement), agreement.from_ms, to_ms)


def _running(ctx: Context, name: str) -> Agreement:
    agreement = AGREEMENTS.get(ctx, (name,))
    if agreement is None:
        raise errors.AgreementUnknown(agreement=name)
    if agreement.state != "accepted":
        raise errors.WrongState(agreement=name, state=agreement.state)
    if not agreement.next_from_ms:
        raise errors.NothingToClose(agreement=name)
    return agreement


def _check_recorded(ctx: Context, name: str, agreement: Agreement, at_ms: int) -> None:
    """No feed was read after a time that moves: what is booked would not be what counts then (M17)."""
    for binding in bound(agreement):
        head = metering.head(ctx, binding.owner, binding.feed)
        if head is not None and head.at_ms > at_ms:
            raise errors_life.TimeRecorded(
                clause=binding.meter, agreement=name, feed=binding.feed, at=utc_text(at_ms)
            )


def _change_time(ctx: Context, name: str, deal: Deal, from_ms: int, to_ms: int) -> None:
    before = deal.agreement
    agreed_from_ms, agreed_to_ms = (
        before.agreed_from_ms or before.from_ms,
        before.agreed_to_ms or before.to_ms,
    )
    after = replace(
        before,
        from_ms=from_ms,
        to_ms=to_ms,
        next_from_ms=from_ms if before.next_from_ms == before.from_ms else before.next_from_ms,
        agreed_from_ms=0 if agreed_from_ms == from_ms else agreed_from_ms,
        agreed_to_ms=0 if agreed_to_ms == to_ms else agreed_to_ms,
    )
    AGREEMENTS.put(ctx, (name,), after)
    for binding in bound(after):
        account = Account(from_ms=from_ms, to_ms=to_ms)
        ACCOUNTS.put(ctx, (binding.owner, binding.feed, name, binding.meter), account)
    due.drop(ctx, _close_ms(deal), close_due, before.provider, name)
    moved = Deal(after, deal.tariff, deal.calendar, deal.feeds)
    due.at(ctx, _close_ms(moved), close_due, after.provider, name)
    ctx.emit(AgreementChanged(agreement=name, from_ms=from_ms, to_ms=to_ms))


def _close_ms(deal: Deal) -> int:
    """When the agreement's next period falls due to be closed."""
    return period_from(deal, deal.agreement.next_from_ms).to_ms + deal.agreement.terms.cut_off_ms


def _void(ctx: Context, name: str, deal: Deal) -> None:
    agreement = deal.agreement
    forget(ctx, name, agreement)
    AGREEMENTS.put(ctx, (name,), replace(agreement, state="withdrawn", next_from_ms=0))
    for binding in bound(agreement):
        ACCOUNTS.delete(ctx, (binding.owner, binding.feed, name, binding.meter))
    due.drop(ctx, _close_ms(deal), close_due, agreement.provider, name)
    ctx.emit(AgreementChanged(agreement=name, from_ms=agreement.from_ms, to_ms=agreement.from_ms))


# What holds for every agreement, whoever brings it.


def check_new(ctx: Context, name: str, agreement: Agreement, feeds_of: tuple[str, ...] = ()) -> None:
    """Whether this could be proposed now. Raises what proposing refuses."""
    other = agreement.user if agreement.proposer == agreement.provider else agreement.provider
    if agreement.provider == agreement.user or not consortium.is_member(ctx, other):
        raise errors.SameParty()
    consortium.check_may_enter(ctx, agreement.provider, agreement.user)
    if not agreement.from_ms < agreement.to_ms <= agreement.from_ms + limits.AGREEMENT_MAX_MS:
        raise errors.AgreementTime(years=limits.AGREEMENT_MAX_MS // limits.DAY_MS // DAYS_PER_YEAR)
    if AGREEMENTS.get(ctx, (name,)) is not None:
        raise errors.AgreementTaken(agreement=name)
    check_bound(ctx, agreement, feeds_of)
    deal = deal_of(ctx, agreement)
    check_terms(deal.tariff, agreement.terms, ctx.rules)
    _check_payees(ctx, deal)
    _check_calendar(deal)
    _check_settlement(ctx, deal)
    check_meters(deal)


def _check_bound_now(ctx: Context, name: str, agreement: Agreement) -> Deal:
    """What must hold when it begins to count, whatever held when it was proposed."""
    deal = deal_of(ctx, agreement)
    _check_settlement(ctx, deal)
    check_meters(deal)
    for binding in bound(agreement):
        _check_account(ctx, agreement, binding)
    for binding in agreement.meters:
        _check_overlap(ctx, name, agreement, binding)
    check_indices(deal)
    return deal


def _bind(ctx: Context, name: str, deal: Deal) -> None:
    """From now on the agreement counts."""
    # Writes.
    agreement = deal.agreement
    period = period_from(deal, agreement.from_ms)
    accepted = replace(agreement, state="accepted", next_from_ms=period.from_ms)
    if agreement.terms.settlement is not None:  # What the law says depends on what they are now.
        sizes = [consortium.company(ctx, party).size for party in (agreement.provider, agreement.user)]
        accepted = replace(accepted, provider_size=sizes[0], user_size=sizes[1])
    AGREEMENTS.put(ctx, (name,), accepted)
    account = Account(from_ms=agreement.from_ms, to_ms=agreement.to_ms)
    for binding in bound(agreement):
        ACCOUNTS.put(ctx, (binding.owner, binding.feed, name, binding.meter), account)
    due.at(ctx, period.to_ms + agreement.terms.cut_off_ms, close_due, agreement.provider, name)

    # Events.
    accepter = agreement.user if agreement.proposer == agreement.provider else agreement.provider
    ctx.emit(Accepted(agreement=name, by=accepter))


def _check_settlement(ctx: Context, deal: Deal) -> None:
    """Terms of settlement that the law, and the bank that is to pay, allow these parties."""
    agreement, settlement = deal.agreement, deal.agreement.terms.settlement
    if settlement is None:
        return
    if ctx.rules < SETTLEMENT_RULES:
        raise errors_life.SettlementRules(rules=ctx.rules, wanted=SETTLEMENT_RULES)
    payer, payee = agreement.user, agreement.provider
    sizes = [consortium.company(ctx, party).size for party in (payer, payee)]
    check_lawful(settlement, payer, payee, *sizes)
    floor = settlement.interest_floor
    if floor is not None and settlement.interest_bp:
        # LPRs hold by the day: which one holds today is the same in UTC as where the parties are.
        today = ctx.time_ms // limits.DAY_MS
        check_floor(settlement, value_in_force(deal.prices, floor.owner, floor.index, today, ctx.time_ms))
    if settlement.bank:
        money.check_bank(ctx, settlement.bank, payer, payee)


def _check_calendar(deal: Deal) -> None:
    """Every period of the agreement, and its tax rates, must be defined by what the parties agree on now."""
    first = period_from(deal, deal.agreement.from_ms)
    last = period_from(deal, deal.agreement.to_ms - 1)
    for period in (first, last):
        check_rates(deal.tariff, period.last_day)


def _check_payees(ctx: Context, deal: Deal) -> None:
    """Whoever is to be paid a share is a member, and not the one who pays."""
    for element in deal.tariff.elements:
        for payee in element.payees if isinstance(element, Split) else ():
            if payee.member == deal.agreement.user:
                raise errors_trade.PayeeIsUser(
                    clause=element.clause, element=element.clause, payee=payee.member
                )
            if not consortium.is_member(ctx, payee.member):
                raise errors_trade.PayeeUnknown(
                    clause=element.clause, element=element.clause, payee=payee.member
                )


def _check_account(ctx: Context, agreement: Agreement, binding: Binding) -> None:
    """The feed has not been counted from the start on, and does not serve too many."""
    head = metering.head(ctx, binding.owner, binding.feed)
    if head is not None and head.at_ms >= agreement.from_ms:
        raise errors.StartsTooLate(clause=binding.meter, feed=binding.feed)
    accounts = list(ACCOUNTS.scan(ctx, (binding.owner, binding.feed)))
    own = [other for other in bound(agreement) if (other.owner, other.feed) == (binding.owner, binding.feed)]
    if len(accounts) + len(own) > ACCOUNTS_PER_FEED_MAX:
        raise errors.TooManyAccounts(clause=binding.meter, feed=binding.feed, limit=ACCOUNTS_PER_FEED_MAX)


def _check_overlap(ctx: Context, name: str, agreement: Agreement, binding: Binding) -> None:
    """No other agreement of the same parties counts by the feed at that time."""
    for key, account in ACCOUNTS.scan(ctx, (binding.owner, binding.feed)):
        if str(key[2]) == name or is_check(str(key[3])):
            continue
        other = AGREEMENTS.get(ctx, (str(key[2]),))
        assert other is not None
        same_parties = (other.provider, other.user) == (agreement.provider, agreement.user)
        if same_parties and account.from_ms < agreement.to_ms and agreement.from_ms < account.to_ms:
            raise errors.Overlapping(clause=binding.meter, feed=binding.feed, other=str(key[2]))
