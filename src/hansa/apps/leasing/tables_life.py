"""The tables of leases and what happens to them."""

from typing import Any

from hansa.apps.leasing.messages import (
    Breakdown,
    Consent,
    Damage,
    Handover,
    Job,
    Lease,
    Link,
    Motion,
    Part,
)
from hansa.kernel import Table

LEASES = Table("leasing.leases", key=("lease",), record=Lease)
PARTS = Table("leasing.parts", key=("member", "lease"), record=Part)
"""Leases by their parties."""
CHAIN = Table(
    "leasing.chain",
    key=("asset_owner", "asset", "head", "from_ms", "lease"),
    record=Link,
    integers=("from_ms",),
)
"""Leases by asset, under their head lease ("" under the owner itself)."""
MOTIONS = Table("leasing.motions", key=("lease", "kind"), record=Motion)
HANDOVERS = Table("leasing.handovers", key=("lease", "direction"), record=Handover)
CONSENTS = Table("leasing.consents", key=("lease", "consent"), record=Consent)
BREAKDOWNS = Table("leasing.breakdowns", key=("lease", "breakdown"), record=Breakdown)
DAMAGES = Table("leasing.damages", key=("lease", "damage"), record=Damage)
JOBS = Table("leasing.jobs", key=("lease", "job"), record=Job)

LIFE: tuple[Table[Any], ...] = (
    LEASES,
    PARTS,
    CHAIN,
    MOTIONS,
    HANDOVERS,
    CONSENTS,
    BREAKDOWNS,
    DAMAGES,
    JOBS,
)
"""Leases and what happens to them."""
