"""What the other party of a handover confirms. Pure: a client computes the same before it signs."""

from hansa.apps.leasing.messages import Direction, ReportHandover
from hansa.kernel import Hash, Id, MemberId, digest


def content_of(lease: Id, direction: Direction, by: MemberId, report: ReportHandover) -> Hash:
    """Digest of who reports what of which handover."""
    return digest({"by": by, "direction": direction, "lease": lease, "report": report})
