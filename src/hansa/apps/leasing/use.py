"""While a lease runs: jobs, breakdowns, and suspension where it is not paid for.

Suspension blocks the next job, after notice. It never stops what runs: the ledger has no hand on a machine.
"""

from hansa.apps.billing import interface as billing
from hansa.apps.leasing import errors
from hansa.apps.leasing.errors_market import moment
from hansa.apps.leasing.lease_rules import heads, of_lessee, of_lessor, of_party
from hansa.apps.leasing.messages import (
    Breakdown,
    EndBreakdown,
    Job,
    ReportBreakdown,
    Resume,
    StartJob,
    Suspend,
)
from hansa.apps.leasing.messages_told import (
    BreakdownEnded,
    BreakdownReported,
    JobStarted,
    Resumed,
    SuspensionNoticed,
)
from hansa.apps.leasing.tables_life import BREAKDOWNS, JOBS, LEASES
from hansa.apps.money.interface import Paid
from hansa.kernel import Context, limits, replace, since


@since(2)
def start_job(ctx: Context, a: StartJob) -> None:
    # Checks, cheapest first.
    lease = of_lessee(ctx, a.lease, "running")
    if not lease.start_ms <= ctx.time_ms < lease.end_ms:
        raise errors.NotRunning(lease=a.lease)
    if JOBS.get(ctx, (a.lease, a.job)) is not None:
        raise errors.JobTaken(lease=a.lease, job=a.job)
    for name, each in heads(ctx, a.lease):
        if 0 < each.suspended_from_ms <= ctx.time_ms:
            raise errors.Suspended(lease=name, from_ms=moment(each.suspended_from_ms))

    # Writes.
    JOBS.put(ctx, (a.lease, a.job), Job(at_ms=ctx.time_ms))

    # Events.
    ctx.emit(JobStarted(lease=a.lease, job=a.job))


@since(2)
def report_breakdown(ctx: Context, a: ReportBreakdown) -> None:
    # Checks.
    lease = of_party(ctx, a.lease, "running")
    if not lease.start_ms <= a.from_ms <= min(ctx.time_ms, lease.end_ms):
        raise errors.BreakdownTime(lease=a.lease)
    if BREAKDOWNS.get(ctx, (a.lease, a.breakdown)) is not None:
        raise errors.BreakdownTaken(lease=a.lease, breakdown=a.breakdown)

    # Writes.
    found = Breakdown(by=ctx.member, from_ms=a.from_ms, reason=a.reason, liable=a.liable, evidence=a.evidence)
    BREAKDOWNS.put(ctx, (a.lease, a.breakdown), found)

    # Events.
    ctx.emit(
        BreakdownReported(
            lease=a.lease,
            breakdown=a.breakdown,
            by=ctx.member,
            from_ms=a.from_ms,
            reason=a.reason,
            liable=a.liable,
        )
    )


@since(2)
def end_breakdown(ctx: Context, a: EndBreakdown) -> None:
    # Checks.
    of_party(ctx, a.lease, "running", "returned")
    found = BREAKDOWNS.get(ctx, (a.lease, a.breakdown))
    if found is None or found.to_ms:
        raise errors.BreakdownUnknown(lease=a.lease, breakdown=a.breakdown)
    if not found.from_ms < a.to_ms <= ctx.time_ms:
        raise errors.BreakdownTime(lease=a.lease)

    # Writes.
    BREAKDOWNS.put(ctx, (a.lease, a.breakdown), replace(found, to_ms=a.to_ms))

    # Events.
    ctx.emit(BreakdownEnded(lease=a.lease, breakdown=a.breakdown, to_ms=a.to_ms))


@since(2)
def suspend(ctx: Context, a: Suspend) -> None:
    # Checks, cheapest first.
    lease = of_lessor(ctx, a.lease, "running")
    if lease.suspended_from_ms:
        raise errors.SuspendedAlready(lease=a.lease, from_ms=moment(lease.suspended_from_ms))
    if a.from_ms < ctx.time_ms + limits.SUSPENSION_NOTICE_MIN_MS:
        raise errors.SuspensionNotice(days=limits.SUSPENSION_NOTICE_MIN_MS // limits.DAY_MS)
    if not billing.has_overdue(ctx, a.lease):
        raise errors.NothingOverdue(lease=a.lease)

    # Writes.
    LEASES.put(ctx, (a.lease,), replace(lease, suspended_from_ms=a.from_ms))

    # Events.
    ctx.emit(SuspensionNoticed(lease=a.lease, from_ms=a.from_ms))


@since(2)
def resume(ctx: Context, a: Resume) -> None:
    # Checks.
    lease = of_lessor(ctx, a.lease, "running")
    if not lease.suspended_from_ms:
        raise errors.NotSuspended(lease=a.lease)

    # Writes.
    LEASES.put(ctx, (a.lease,), replace(lease, suspended_from_ms=0))

    # Events.
    ctx.emit(Resumed(lease=a.lease, by=ctx.member))


@since(2)
def paid(ctx: Context, signal: Paid) -> None:
    """Listener: once nothing of a lease is overdue any more, its suspension is lifted."""
    lease = LEASES.get(ctx, (signal.subject,)) if signal.subject else None
    if lease is None or not lease.suspended_from_ms or billing.has_overdue(ctx, signal.subject):
        return
    LEASES.put(ctx, (signal.subject,), replace(lease, suspended_from_ms=0))
    ctx.emit(Resumed(lease=signal.subject, by=""))
