"""The rules of billing: two parties agree on feeds and a tariff; each period is closed by rule, not by
either of them.
"""

from hansa.apps.billing import errors
from hansa.apps.billing.books import deal_of, usage_changed
from hansa.apps.billing.closing import Closing, keep, reckon
from hansa.apps.billing.deal import Deal, content, period_from
from hansa.apps.billing.messages import (
    Accept,
    Accepted,
    Account,
    Agreement,
    Binding,
    Close,
    GapRecord,
    Held,
    Late,
    Propose,
    Proposed,
    PublishedTariff,
    PublishTariff,
    Stated,
    Statement,
    TariffPublished,
    UsageRecord,
    Withdraw,
    Withdrawn,
)
from hansa.apps.billing.tables import (
    ACCOUNTS,
    AGREEMENTS,
    ALL,
    GAPS,
    LATE,
    STATEMENTS,
    TARIFFS,
    USAGE,
)
from hansa.apps.billing.tariff import Tariff, Usage, check_rates, check_tariff
from hansa.apps.billing.terms import check_terms
from hansa.apps.consortium import interface as consortium
from hansa.apps.consortium.calendars import Period
from hansa.apps.metering import interface as metering
from hansa.apps.metering.messages import Feed
from hansa.kernel import Context, Refusal, Room, due, limits, replace

LEGAL_CARRIERS = {
    "electricity": "电能",
    "gas": "燃气",
    "water": "水",
    "heat": "热能",
    "weight": "重量",
}
"""What may be settled in trade by verified meters only (rule 25), with its Chinese name."""
ACCOUNTS_PER_FEED_MAX = 16
DAYS_PER_YEAR = 366


def publish_tariff(ctx: Context, a: PublishTariff) -> None:
    # Checks, cheapest first.
    if TARIFFS.get(ctx, (ctx.member, a.id, a.version)) is not None:
        raise errors.TariffTaken(id=a.id, version=a.version)
    consortium.check_may_enter(ctx, ctx.member)
    consortium.calendar(ctx, a.calendar_owner, a.calendar)
    check_tariff(a.tariff)

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
    if a.provider == a.user or not consortium.is_member(ctx, _other(a, ctx.member)):
        raise errors.SameParty()
    consortium.check_may_enter(ctx, a.provider, a.user)
    if not a.from_ms < a.to_ms <= a.from_ms + limits.AGREEMENT_MAX_MS:
        raise errors.AgreementTime(years=limits.AGREEMENT_MAX_MS // limits.DAY_MS // DAYS_PER_YEAR)
    if AGREEMENTS.get(ctx, (a.agreement,)) is not None:
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
    _check_bound(ctx, agreement)
    deal = deal_of(ctx, agreement)
    check_terms(deal.tariff, a.terms)
    _check_calendar(deal)
    _check_meters(deal)

    # Writes.
    AGREEMENTS.put(ctx, (a.agreement,), agreement)

    # Events.
    ctx.emit(Proposed(agreement=a.agreement, provider=a.provider, user=a.user, proposer=ctx.member))


def accept(ctx: Context, a: Accept) -> None:
    # Checks, cheapest first. What held when it was proposed may not hold any more.
    agreement = _of_party(ctx, a.agreement)
    if agreement.state != "proposed":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)
    if agreement.proposer == ctx.member:
        raise errors.OwnProposal(agreement=a.agreement)
    consortium.check_may_enter(ctx, agreement.provider, agreement.user)
    deal = deal_of(ctx, agreement)
    if a.content != content(a.agreement, deal):
        raise errors.OtherContent(agreement=a.agreement)
    _check_meters(deal)
    for binding in agreement.meters:
        _check_account(ctx, agreement, binding)

    # Writes.
    period = period_from(deal, agreement.from_ms)
    AGREEMENTS.put(ctx, (a.agreement,), replace(agreement, state="accepted", next_from_ms=period.from_ms))
    account = Account(from_ms=agreement.from_ms, to_ms=agreement.to_ms)
    for binding in agreement.meters:
        ACCOUNTS.put(ctx, (binding.owner, binding.feed, a.agreement, binding.meter), account)
    due.at(ctx, period.to_ms + agreement.terms.cut_off_ms, close_due, agreement.provider, a.agreement)

    # Events.
    ctx.emit(Accepted(agreement=a.agreement, by=ctx.member))


def withdraw(ctx: Context, a: Withdraw) -> None:
    # Checks.
    agreement = _of_party(ctx, a.agreement)
    if agreement.state != "proposed":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)

    # Writes.
    AGREEMENTS.put(ctx, (a.agreement,), replace(agreement, state="withdrawn"))

    # Events.
    ctx.emit(Withdrawn(agreement=a.agreement, by=ctx.member))


def close(ctx: Context, a: Close) -> None:
    # Checks, cheapest first.
    agreement = _of_party(ctx, a.agreement)
    if agreement.state != "accepted":
        raise errors.WrongState(agreement=a.agreement, state=agreement.state)
    if not agreement.next_from_ms:
        raise errors.NothingToClose(agreement=a.agreement)
    deal = deal_of(ctx, agreement)
    period = period_from(deal, agreement.next_from_ms)
    if ctx.time_ms < period.to_ms + agreement.terms.cut_off_ms:
        raise errors.TooEarly(agreement=a.agreement)
    _check_verified(deal, period)
    closing = reckon(ctx, a.agreement, deal, period)

    # Writes and events.
    _close(ctx, a.agreement, deal, closing)


def close_due(ctx: Context, name: str) -> None:
    """The next period is past its cut-off: close it, or say why not. Late or early, it closes the same."""
    agreement = AGREEMENTS.get(ctx, (name,))
    if agreement is None or not agreement.next_from_ms:
        return
    deal = deal_of(ctx, agreement)
    period = period_from(deal, agreement.next_from_ms)
    if ctx.time_ms < period.to_ms + agreement.terms.cut_off_ms:
        return  # It was closed by hand, and the next one is not due yet.
    try:
        _check_verified(deal, period)
        closing = reckon(ctx, name, deal, period)
    except Refusal as refusal:
        held = Held(agreement=name, period_from_ms=period.from_ms, code=refusal.code, clause=refusal.clause)
        ctx.emit(held)
        return
    _close(ctx, name, deal, closing)


def _close(ctx: Context, name: str, deal: Deal, closing: Closing) -> None:
    agreement, statement = deal.agreement, closing.statement
    period = statement.period
    keep(ctx, name, closing)
    next_from_ms = period.to_ms if period.to_ms < agreement.to_ms else 0
    AGREEMENTS.put(ctx, (name,), replace(agreement, next_from_ms=next_from_ms))
    if next_from_ms:
        next_to_ms = period_from(deal, next_from_ms).to_ms
        due.at(ctx, next_to_ms + agreement.terms.cut_off_ms, close_due, agreement.provider, name)
    else:  # No statement follows that could correct this one: the books are closed.
        for binding in agreement.meters:
            ACCOUNTS.delete(ctx, (binding.owner, binding.feed, name, binding.meter))
    ctx.emit(
        Stated(
            agreement=name,
            provider=agreement.provider,
            user=agreement.user,
            period_from_ms=period.from_ms,
            period_to_ms=period.to_ms,
            currency=statement.currency,
            net_minor=statement.net_minor,
            tax_minor=statement.tax_minor,
            gross_minor=statement.gross_minor,
        )
    )


def _other(a: Propose, member: str) -> str:
    return a.user if member == a.provider else a.provider


def _of_party(ctx: Context, name: str) -> Agreement:
    agreement = AGREEMENTS.get(ctx, (name,))
    if agreement is None:
        raise errors.AgreementUnknown(agreement=name)
    if ctx.member != agreement.provider and ctx.member != agreement.user:
        raise errors.NotParty(member=ctx.member, agreement=name)
    return agreement


def _check_calendar(deal: Deal) -> None:
    """Every period of the agreement, and its tax rates, must be defined by what the parties agree on now."""
    first = period_from(deal, deal.agreement.from_ms)
    last = period_from(deal, deal.agreement.to_ms - 1)
    for period in (first, last):
        check_rates(deal.tariff, period.last_day)


def _check_bound(ctx: Context, agreement: Agreement) -> None:
    """Each meter of the tariff has exactly one feed, and it is a party's: nobody else's records bear the
    work.
    """
    published = TARIFFS.get(ctx, (agreement.tariff_owner, agreement.tariff, agreement.tariff_version))
    names = [meter.name for meter in published.tariff.meters] if published else []
    bound = [binding.meter for binding in agreement.meters]
    for name in dict.fromkeys((*bound, *names)):
        if published and (bound.count(name) != 1 or name not in names):
            raise errors.MeterUnbound(clause=name, meter=name)
    for binding in agreement.meters:
        if binding.owner not in (agreement.provider, agreement.user):
            raise errors.FeedOfOther(clause=binding.meter, feed=binding.feed, owner=binding.owner)


def _check_meters(deal: Deal) -> None:
    """Each feed can carry what is billed by it."""
    tariff = deal.tariff
    for binding in deal.agreement.meters:
        feed = deal.feeds[binding.meter]
        meter = next(meter for meter in tariff.meters if meter.name == binding.meter)
        if (feed.kind, feed.base_unit) != (meter.kind, meter.base_unit):
            raise errors.MeterUnfit(
                clause=meter.name,
                feed=binding.feed,
                kind=feed.kind,
                base_unit=feed.base_unit,
                meter=meter.name,
                wanted_kind=meter.kind,
                wanted_unit=meter.base_unit,
            )
        if not feed.wired:
            raise errors.NotWired(clause=meter.name, feed=binding.feed)
        _check_states(tariff, binding, feed)
        _check_legal_use(deal, binding, feed)


def _check_states(tariff: Tariff, binding: Binding, feed: Feed) -> None:
    for element in tariff.elements:
        if isinstance(element, Usage) and element.meter == binding.meter:
            for state in element.states:
                if state not in feed.states:
                    raise errors.StateUnknown(
                        clause=element.clause, by=element.clause, state=state, feed=binding.feed
                    )


def _check_legal_use(deal: Deal, binding: Binding, feed: Feed) -> None:
    if deal.tariff.purpose != "trade_settlement" or feed.carrier not in LEGAL_CARRIERS:
        return
    if feed.legal_use.grade != "billing":
        raise errors.LegalUseMissing(
            clause=binding.meter,
            feed=binding.feed,
            carrier=feed.carrier,
            carrier_zh=LEGAL_CARRIERS[feed.carrier],
        )
    if feed.legal_use.valid_until_ms <= deal.agreement.from_ms:
        raise errors.LegalUseExpired(clause=binding.meter, feed=binding.feed)


def _check_verified(deal: Deal, period: Period) -> None:
    """No meter's verification may end before the period to be closed does."""
    for binding in deal.agreement.meters:
        feed = deal.feeds[binding.meter]
        _check_legal_use(deal, binding, feed)
        legal_matters = deal.tariff.purpose == "trade_settlement" and feed.carrier in LEGAL_CARRIERS
        if legal_matters and feed.legal_use.valid_until_ms < period.to_ms:
            raise errors.LegalUseExpired(clause=binding.meter, feed=binding.feed)


def _check_account(ctx: Context, agreement: Agreement, binding: Binding) -> None:
    """The feed has not been counted from the start on, and not for the same parties at that time."""
    head = metering.head(ctx, binding.owner, binding.feed)
    if head is not None and head.at_ms >= agreement.from_ms:
        raise errors.StartsTooLate(clause=binding.meter, feed=binding.feed)
    accounts = list(ACCOUNTS.scan(ctx, (binding.owner, binding.feed)))
    own = [other for other in agreement.meters if (other.owner, other.feed) == (binding.owner, binding.feed)]
    if len(accounts) + len(own) > ACCOUNTS_PER_FEED_MAX:
        raise errors.TooManyAccounts(clause=binding.meter, feed=binding.feed, limit=ACCOUNTS_PER_FEED_MAX)
    for key, account in accounts:
        other = AGREEMENTS.get(ctx, (str(key[2]),))
        assert other is not None
        same_parties = (other.provider, other.user) == (agreement.provider, agreement.user)
        if same_parties and account.from_ms < agreement.to_ms and agreement.from_ms < account.to_ms:
            raise errors.Overlapping(clause=binding.meter, feed=binding.feed, other=str(key[2]))


# Queries.


def agreement_of(ctx: Context, agreement: str) -> Agreement | None:
    return AGREEMENTS.get(ctx, (agreement,))


def tariff_of(ctx: Context, owner: str, tariff: str, version: int) -> PublishedTariff | None:
    return TARIFFS.get(ctx, (owner, tariff, version))


def statement_of(ctx: Context, agreement: str, period_ms: int) -> Statement | None:
    return STATEMENTS.get(ctx, (agreement, period_ms))


def statements_of(ctx: Context, agreement: str) -> list[Statement]:
    """All statements of an agreement, oldest first."""
    return [found for _, found in STATEMENTS.scan(ctx, (agreement,), limit=limits.ALL_ROWS)]


def late_of(ctx: Context, agreement: str) -> Late | None:
    """Since when what is known of closed periods has changed; None if the statements stand as they are."""
    return LATE.get(ctx, (agreement,))


def usage_of(ctx: Context, agreement: str, meter: str) -> list[tuple[int, UsageRecord]]:
    """Sums by start of period, without gaps."""
    rows = USAGE.scan(ctx, (agreement, meter), limit=limits.ALL_ROWS)
    return [(int(key[2]), found) for key, found in rows]


def gaps_of(ctx: Context, agreement: str, meter: str) -> list[tuple[int, GapRecord]]:
    """Unknown stretches that a later reading ended, by their start."""
    rows = GAPS.scan(ctx, (agreement, meter), limit=limits.ALL_ROWS)
    return [(int(key[2]), found) for key, found in rows]


ROOM = Room(
    "billing",
    actions=[publish_tariff, propose, accept, withdraw, close],
    due=[close_due],
    listeners=[usage_changed],
    queries=[agreement_of, tariff_of, statement_of, statements_of, late_of, usage_of, gaps_of],
    tables=ALL,
    events=[TariffPublished, Proposed, Accepted, Withdrawn, Stated, Held],
)
