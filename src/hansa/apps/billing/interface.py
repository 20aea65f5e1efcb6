"""What other rooms may ask of this one."""

from hansa.apps.billing import agreements, errors, life
from hansa.apps.billing.books import deal_of
from hansa.apps.billing.deal import content
from hansa.apps.billing.messages import Agreement, PublishedTariff, Statement
from hansa.apps.billing.signals import (
    AgreementEnded,
    StatementClosed,
    StatementConfirmed,
    StatementPaid,
)
from hansa.apps.billing.tables import AGREEMENTS, STATEMENTS, TARIFFS
from hansa.kernel import Context


def agreement(ctx: Context, name: str) -> Agreement:
    """An agreement, in whatever state. Raises AgreementUnknown."""
    found = AGREEMENTS.get(ctx, (name,))
    if found is None:
        raise errors.AgreementUnknown(agreement=name)
    return found


def statement(ctx: Context, name: str, period_ms: int) -> Statement | None:
    """The statement of the period that starts at an instant; None before its close."""
    return STATEMENTS.get(ctx, (name, period_ms))


def tariff(ctx: Context, owner: str, name: str, version: int) -> PublishedTariff:
    """A version of a tariff as published. Raises TariffUnknown."""
    found = TARIFFS.get(ctx, (owner, name, version))
    if found is None:
        raise errors.TariffUnknown(owner=owner, id=name, version=version)
    return found


def content_of(ctx: Context, name: str, agreement: Agreement) -> str:
    """What both parties of an agreement sign: the digest of it, its tariff and its calendar. Raises
    TariffUnknown, FeedUnknown.
    """
    return content(name, deal_of(ctx, agreement))


def check_agreement(ctx: Context, name: str, agreement: Agreement, feeds_of: tuple[str, ...] = ()) -> None:
    """Whether it could be proposed now. Raises what proposing refuses; writes nothing."""
    agreements.check_new(ctx, name, agreement, feeds_of)


def keep_id(ctx: Context, name: str) -> None:
    """From now on only `agree` makes an agreement of this id, so that nobody else takes it before the parties
    have signed. Raises AgreementTaken.
    """
    agreements.keep_id(ctx, name)


def agree(ctx: Context, name: str, agreement: Agreement, signed: str, feeds_of: tuple[str, ...] = ()) -> None:
    """An agreement that both parties signed elsewhere: all checks of proposing and accepting, then it counts.

    The calling room vouches for the signatures: `signed` is the digest of what they signed, kept with the
    agreement; `feeds_of` names members besides the parties that let their feeds be used. Raises the
    refusals of propose and accept.
    """
    agreements.agree(ctx, name, agreement, signed, feeds_of)


def begin(ctx: Context, name: str, from_ms: int) -> None:
    """The agreement begins not earlier than agreed: nothing before counts. Raises BeginTime, TimeRecorded."""
    agreements.begin(ctx, name, from_ms)


def end_early(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement ends at `to_ms`: now or later, after the periods closed. Raises EndTime, TimeRecorded.

    At its start or before, while no period is closed: it never began and is void.
    """
    agreements.end_early(ctx, name, to_ms)


def extend(ctx: Context, name: str, to_ms: int) -> None:
    """The agreement goes on until `to_ms`, on the same tariff and terms. Raises EndTime, TimeRecorded,
    Overlapping, CalendarOutside.
    """
    agreements.extend(ctx, name, to_ms)


def has_overdue(ctx: Context, name: str) -> bool:
    """Whether something that an agreement's statements led to is overdue."""
    return life.open_of(ctx, name).overdue > 0


def is_disputed(ctx: Context, name: str) -> bool:
    """Whether lines of an agreement's statements are in dispute."""
    return life.open_of(ctx, name).disputed > 0


def statements_settled(ctx: Context, name: str) -> bool:
    """Whether all periods are closed and nothing of their statements is open. Raises AgreementUnknown."""
    return not agreement(ctx, name).next_from_ms and not life.open_of(ctx, name).unsettled


__all__ = [
    "AgreementEnded",
    "StatementClosed",
    "StatementConfirmed",
    "StatementPaid",
    "agree",
    "agreement",
    "begin",
    "check_agreement",
    "content_of",
    "end_early",
    "extend",
    "has_overdue",
    "is_disputed",
    "statement",
    "statements_settled",
    "tariff",
]
