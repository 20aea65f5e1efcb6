"""What happens while a lease runs, and after: handovers, jobs, breakdowns, its end and its settling."""

from typing import Any

from hansa.apps.billing.messages_life import ConfirmStatement, WithdrawDispute
from hansa.apps.leasing.handover import standing_at
from hansa.apps.leasing.messages import (
    AgreeDamage,
    ClaimDamage,
    ClaimDeposit,
    Close,
    ConfirmHandover,
    ConsentSublease,
    DisputeHandover,
    EndBreakdown,
    EndEarly,
    Extend,
    Item,
    Lease,
    ReportBreakdown,
    ReportHandover,
    Resume,
    RevokeConsent,
    Shown,
    StartJob,
    Suspend,
    Transfer,
    Withdraw,
    WithdrawDamage,
)
from hansa.apps.money.interface import name_of, pay_in_of
from hansa.apps.money.messages import Allocation, Obligation, Receive
from hansa.apps.money.messages_bank import Pay
from hansa.kernel import limits, replace
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.billing import LIABLE
from hansa.simulation.simulator.traffic.market import lease_terms
from hansa.simulation.simulator.traffic.mind import Mind, Step
from hansa.simulation.simulator.traffic.money import left_minor

HOUR = limits.HOUR_MS
ITEMS = ("spindle", "coolant")
FUNDS = ("security_deposit", "prepayment", "earnest_money")


def _lease(mind: Mind, *states: str) -> tuple[str, Lease] | None:
    found = mind.sure("leasing.leases", lambda _, row: row.state in states)
    if found is None:
        found = mind.pick("leasing.leases") if mind.luck(0.1) else None
    return None if found is None else (str(found[0][0]), found[1])


def _either(mind: Mind, lease: Lease) -> str:
    return mind.right(mind.one((lease.terms.lessor, lease.terms.lessee)))


def withdraw(mind: Mind) -> Send | None:
    found = _lease(mind, "signing", "signed")
    if found is None or mind.luck(0.8):
        return None
    return mind.send(_either(mind, found[1]), Withdraw(found[0]))


def pay_in(mind: Mind) -> Send | None:
    """What a lease is secured by."""
    found = _lease(mind, "signed")
    if found is None:
        return None
    for kind in FUNDS:
        obligation = pay_in_of(name_of(found[0], kind))
        owed = mind.row("money.obligations", obligation)
        if owed is not None and owed.state == "open":
            return _paid(mind, obligation, owed)
    return None


# Handovers.


def report(mind: Mind) -> Send | None:
    """In once it may begin, out when it is over or nearly so."""
    found = mind.sure(
        "leasing.leases",
        lambda _, row: (
            (row.state == "signed" and row.terms.from_ms < mind.now_ms + 3 * HOUR)
            or (row.state == "running" and (row.end_ms < mind.now_ms + HOUR or mind.luck(0.02)))
        ),
    )
    if found is None:
        return None
    (name,), lease = found
    direction: Any = "in" if lease.state == "signed" else "out"
    at_ms = max(mind.now_ms - mind.between(0, 1), lease.start_ms)
    items = tuple(Item(item, "good" if mind.luck(0.7) else "worn", (mind.hash(),)) for item in ITEMS)
    counters = []
    for binding in lease.terms.meters:
        feed = mind.row("metering.feeds", binding.owner, binding.feed)
        if feed is not None and feed.kind == "counter":
            stands = mind.ask(standing_at, binding.owner, binding.feed, at_ms)
            if stands is None:
                return None
            counters.append(Shown(binding.meter, stands))
    action = ReportHandover(str(name), direction, at_ms, items, tuple(counters))
    return mind.send(_either(mind, lease), action)


def answer_handover(mind: Mind) -> Send | None:
    found = mind.sure("leasing.handovers", lambda _, row: row.state == "reported")
    if found is None:
        return None
    (name, direction), handover = found
    lease = mind.row("leasing.leases", name)
    other = lease.terms.lessee if handover.by == lease.terms.lessor else lease.terms.lessor
    way: Any = direction
    disputed = (mind.one(ITEMS),) if mind.luck(0.2) else ()
    if disputed and mind.luck(0.5):
        return mind.send(mind.right(other), DisputeHandover(str(name), way, handover.content, disputed))
    return mind.send(mind.right(other), ConfirmHandover(str(name), way, handover.content, disputed))


# While it runs.


def start_job(mind: Mind) -> Send | None:
    found = _lease(mind, "running")
    if found is None:
        return None
    terms = found[1].terms
    member = terms.lessee if mind.luck(0.85) else terms.lessor
    return mind.send(member, StartJob(found[0], mind.name("j")))


def break_down(mind: Mind) -> Send | None:
    """A breakdown, or the end of one."""
    opened = mind.sure("leasing.breakdowns", lambda _, row: not row.to_ms)
    if opened is not None and mind.luck(0.6):
        (name, breakdown), _ = opened
        lease = mind.row("leasing.leases", name)
        return mind.send(_either(mind, lease), EndBreakdown(str(name), str(breakdown), mind.now_ms))
    found = _lease(mind, "running")
    if found is None:
        return None
    from_ms = max(found[1].start_ms, mind.now_ms - mind.between(0, 2) * HOUR)
    action = ReportBreakdown(found[0], mind.name("b"), from_ms, "spindle", mind.one(LIABLE))
    return mind.send(_either(mind, found[1]), action)


def suspend(mind: Mind) -> Send | None:
    """Notice for want of payment, or its taking back."""
    found = mind.sure("leasing.leases", lambda _, row: row.state == "running" and row.suspended_from_ms > 0)
    if found is not None and mind.luck(0.6):
        return mind.send(mind.right(found[1].terms.lessor), Resume(str(found[0][0])))
    found = mind.sure(
        "leasing.leases",
        lambda key, row: row.state == "running" and bool(_overdue(mind, str(key[0]))),
    )
    if found is None:
        running = _lease(mind, "running") if mind.luck(0.1) else None
        return running and mind.send(running[1].terms.lessor, Resume(running[0]))
    from_ms = mind.soon_ms + limits.SUSPENSION_NOTICE_MIN_MS + HOUR
    return mind.send(mind.right(found[1].terms.lessor), Suspend(str(found[0][0]), from_ms))


def _overdue(mind: Mind, lease: str) -> list[str]:
    """Obligations of a lease that are open and due."""
    return [
        str(key[0])
        for key, row in mind.rows("money.obligations").items()
        if row.subject == lease and row.state == "open" and row.due_ms <= mind.now_ms
    ]


def move_end(mind: Mind) -> Send | None:
    """One party wants it to end at another time, or says the same as the other."""
    wanted = mind.sure("leasing.motions", lambda _, row: row.to_ms > mind.soon_ms)
    if wanted is not None and mind.luck(0.7):
        (name, kind), motion = wanted
        lease = mind.row("leasing.leases", name)
        other = lease.terms.lessee if motion.by == lease.terms.lessor else lease.terms.lessor
        if kind == "end":
            return mind.send(other, EndEarly(str(name), motion.to_ms, "agreed"))
        return mind.send(other, Extend(str(name), motion.to_ms))
    found = _lease(mind, "running", "signed")
    if found is None or mind.luck(0.5):
        return None
    name, lease = found
    if mind.luck(0.5):
        to_ms = lease.end_ms + mind.between(1, 8) * HOUR
        return mind.send(_either(mind, lease), Extend(name, to_ms))
    to_ms = mind.soon_ms + mind.between(1, 30) * HOUR
    ground: Any = mind.one(("agreed", "agreed", "notice", "default"))
    return mind.send(_either(mind, lease), EndEarly(name, to_ms, ground))


def consent(mind: Mind) -> Send | None:
    """To subleases, or no more."""
    given = mind.pick("leasing.consents")
    if given is not None and mind.luck(0.1):
        (name, each), _ = given
        lessor = mind.row("leasing.leases", name).terms.lessor
        return mind.send(mind.right(lessor), RevokeConsent(str(name), str(each)))
    found = _lease(mind, "running", "signed")
    if found is None:
        return None
    name, lease = found
    action = ConsentSublease(name, mind.name("y"), lease.terms.from_ms, lease.end_ms)
    return mind.send(mind.right(lease.terms.lessor), action)


def transfer(mind: Mind) -> Send | None:
    found = mind.sure(
        "leasing.leases", lambda _, row: row.state == "running" and row.end_ms > mind.soon_ms + 6 * HOUR
    )
    if found is None:
        return None
    (name,), lease = found
    old = lease.terms
    from_ms = mind.soon_ms + mind.between(2, 5) * HOUR
    made = lease_terms(mind, old.lessor, mind.other(old.lessee, old.lessor), old, from_ms, lease.end_ms)
    made = replace(made, sign_by_ms=from_ms)
    return mind.send(mind.right(old.lessee), Transfer(str(name), mind.name("l"), made))


# After the return.


def damage(mind: Mind) -> Send | None:
    """Claimed, agreed to, or taken back."""
    claimed = mind.sure("leasing.damages", lambda _, row: row.state == "claimed")
    if claimed is not None:
        (name, each), row = claimed
        terms = mind.row("leasing.leases", name).terms
        if mind.luck(0.6):
            action = AgreeDamage(str(name), str(each), row.amount_minor)
            return mind.send(mind.right(terms.lessee), action)
        return mind.send(mind.right(terms.lessor), WithdrawDamage(str(name), str(each)))
    found = _lease(mind, "returned")
    if found is None:
        return None
    asked = ClaimDamage(found[0], mind.name("dmg"), mind.between(1, 3_000), (mind.one(ITEMS),))
    return mind.send(mind.right(found[1].terms.lessor), asked)


def claim_deposit(mind: Mind) -> Send | None:
    found = mind.sure(
        "leasing.leases",
        lambda key, row: (
            row.state in ("running", "returned")
            and row.terms.security_deposit_minor > 0
            and bool(_overdue(mind, str(key[0])))
        ),
    )
    if found is None:
        return None
    (name,), lease = found
    obligation = mind.one(_overdue(mind, str(name)))
    action = ClaimDeposit(str(name), obligation, mind.between(1, lease.terms.security_deposit_minor))
    return mind.send(mind.right(lease.terms.lessor), action)


def wind_up(mind: Mind) -> Send | None:
    """Whatever still keeps a lease that is over from being closed; then its closing."""
    found = _lease(mind, "returned")
    if found is None:
        return None
    name, lease = found
    for (of, each), row in mind.rows("leasing.damages").items():
        if of == name and row.state == "claimed":
            return mind.send(lease.terms.lessee, AgreeDamage(name, str(each), row.amount_minor))
    for (of, period_ms), life in mind.rows("billing.lives").items():
        if of == name and life.disputes:
            return mind.send(life.disputes[0].by, WithdrawDispute(name, int(period_ms)))
        if of == name and not life.confirmed_ms:
            party = lease.terms.lessee if life.provider_ms else lease.terms.lessor
            return mind.send(party, ConfirmStatement(name, int(period_ms), life.content))
    for (obligation,), owed in mind.rows("money.obligations").items():
        if owed.subject == name and owed.state == "open":
            return _paid(mind, str(obligation), owed)
    return mind.send(_either(mind, lease), Close(name))


def _paid(mind: Mind, obligation: str, owed: Obligation) -> Send:
    """All that is left of it: by claims, or as the creditor finds it on its bank statement."""
    left = max(1, left_minor(owed))
    if owed.mode == "bank":
        return mind.send(owed.debtor, Pay(obligation, left))
    given = (Allocation(obligation, left),)
    receipt = Receive(mind.hash(), owed.currency, left, mind.now_ms, owed.debtor, given)
    return mind.send(owed.creditor, receipt)


def close(mind: Mind) -> Send | None:
    found = _lease(mind, "returned")
    return None if found is None else mind.send(_either(mind, found[1]), Close(found[0]))


STEPS: tuple[tuple[int, Step], ...] = (
    (1, withdraw),
    (10, pay_in),
    (20, report),
    (20, answer_handover),
    (7, start_job),
    (4, break_down),
    (8, suspend),
    (4, move_end),
    (5, consent),
    (2, transfer),
    (4, damage),
    (6, claim_deposit),
    (20, wind_up),
    (2, close),
)
