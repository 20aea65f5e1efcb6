"""Promise of all rooms: whoever did something was the one who may, by the records that say who is who."""

from collections.abc import Callable, Iterator
from typing import Any

from hansa.apps.billing import messages as billing
from hansa.apps.billing import messages_claims as claims
from hansa.apps.billing import messages_life as life
from hansa.apps.consortium import messages_votes as votes
from hansa.apps.leasing import messages as leasing
from hansa.apps.leasing import messages_market as market
from hansa.apps.metering.messages import RecordCounters
from hansa.apps.money import messages as money
from hansa.apps.money import messages_bank as bank
from hansa.simulation.simulator.invariants import Act, Finding, Promise, Scene, tag_of
from hansa.simulation.simulator.traffic.picture import Picture

Allowed = Callable[[Picture, Act], tuple[str, ...]]
"""Who may do this."""


def _of(table: str, field: str, *sides: str) -> Allowed:
    """The members that a record names, found by a field of the action."""

    def allowed(picture: Picture, act: Act) -> tuple[str, ...]:
        row = picture.row(table, getattr(act.action, field))
        return tuple(getattr(row, side) for side in sides) if row else ()

    return allowed


def _lease(*sides: str) -> Allowed:
    def allowed(picture: Picture, act: Act) -> tuple[str, ...]:
        row = picture.row("leasing.reservations", act.action.lease)  # type: ignore[attr-defined]
        row = picture.row("leasing.leases", act.action.lease) or row  # type: ignore[attr-defined]
        return tuple(getattr(row.terms, side) for side in sides) if row else ()

    return allowed


def _recorded(picture: Picture, act: Act) -> tuple[str, ...]:
    """The owner's own gateway; anybody, where the device itself signed."""
    action: Any = act.action
    return (act.member,) if action.signature else (action.owner,)


def _about(picture: Picture, act: Act) -> tuple[str, ...]:
    row = picture.row("consortium.proposals", act.action.proposal)  # type: ignore[attr-defined]
    return (getattr(row.subject, "member", ""),) if row else ()


def _others(table: str) -> Allowed:
    """Whoever answers a claim, or takes it back."""

    def allowed(picture: Picture, act: Act) -> tuple[str, ...]:
        action: Any = act.action
        agreement = picture.row("billing.agreements", action.agreement)
        row = picture.row(table, action.agreement, action.period_ms, action.claim)
        maker = (row.by,)
        if isinstance(action, claims.WithdrawClaim):
            return maker
        return tuple(each for each in (agreement.provider, agreement.user) if each not in maker)

    return allowed


PARTIES = _of("billing.agreements", "agreement", "provider", "user")
PROVIDER = _of("billing.agreements", "agreement", "provider")
CREDITOR = _of("money.obligations", "obligation", "creditor")
DEBTOR = _of("money.obligations", "obligation", "debtor")
BOTH, LESSOR, LESSEE = _lease("lessor", "lessee"), _lease("lessor"), _lease("lessee")
TRADERS = _of("leasing.bargains", "bargain", "offerer", "lessee")
RIGHTS: dict[type[Any], Allowed] = {
    RecordCounters: _recorded,
    votes.Withdraw: _of("consortium.proposals", "proposal", "proposer"),
    votes.Object: _about,
    money.DeclarePaid: DEBTOR,
    money.Waive: CREDITOR,
    money.SetOff: CREDITOR,
    money.NoteInvoice: _of("money.funds", "fund", "holder"),
    bank.Capture: _of("money.holds", "hold", "payee"),
    bank.Release: _of("money.holds", "hold", "payee", "payer"),
    billing.Propose: PARTIES,
    billing.Accept: PARTIES,
    billing.Withdraw: PARTIES,
    billing.Close: PARTIES,
    claims.ClaimStop: PARTIES,
    claims.ClaimScrap: PARTIES,
    claims.ContestClaim: _others("billing.claims"),
    claims.WithdrawClaim: _others("billing.claims"),
    life.ConfirmStatement: PARTIES,
    life.DisputeStatement: PARTIES,
    life.WithdrawDispute: PARTIES,
    life.Concede: PARTIES,
    life.RecordInvoice: PROVIDER,
    life.RecordRedLetter: PROVIDER,
    life.ChargeInterest: CREDITOR,
    market.Counter: TRADERS,
    market.Agree: TRADERS,
    market.Decline: TRADERS,
    leasing.Sign: BOTH,
    leasing.Withdraw: BOTH,
    leasing.ReportHandover: BOTH,
    leasing.ConfirmHandover: BOTH,
    leasing.DisputeHandover: BOTH,
    leasing.ConsentSublease: LESSOR,
    leasing.RevokeConsent: LESSOR,
    leasing.Transfer: LESSEE,
    leasing.StartJob: LESSEE,
    leasing.ReportBreakdown: BOTH,
    leasing.EndBreakdown: BOTH,
    leasing.Suspend: LESSOR,
    leasing.Resume: LESSOR,
    leasing.EndEarly: BOTH,
    leasing.Extend: BOTH,
    leasing.ClaimDamage: LESSOR,
    leasing.AgreeDamage: LESSEE,
    leasing.WithdrawDamage: LESSOR,
    leasing.ClaimDeposit: LESSOR,
    leasing.Close: BOTH,
}
"""Actions on something that others own a part of. All others concern what is the signer's own."""


class Rights(Promise):
    """No member does what is another's to do."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        for act in scene.acts:
            allowed = RIGHTS.get(type(act.action))
            if allowed is not None:
                members = allowed(scene.picture, act)
                if act.member not in members:
                    yield "wrong party", f"{act.member} did {tag_of(act.action)}, which is {members}'s"
        yield from self._allocated(scene)

    def _allocated(self, scene: Scene) -> Iterator[Finding]:
        """A creditor allocates to what it is owed itself, and no more than came."""
        for act in scene.acts:
            action: Any = act.action
            if not isinstance(action, money.Receive | money.Apply):
                continue
            for given in action.allocations:
                owed = scene.picture.row("money.obligations", given.obligation)
                if owed is None or owed.creditor != act.member:
                    yield "wrong party", f"{act.member} was paid what is owed to another: {given.obligation}"
            if isinstance(action, money.Receive):
                whole = sum(given.amount_minor for given in action.allocations)
                if whole > action.amount_minor:
                    yield "receipt", f"{act.member} allocated {whole} of {action.amount_minor}"
