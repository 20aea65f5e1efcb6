"""Obligations (应收应付项), payments, funds. Amounts are in minor units of the currency beside them; times are
ms since the epoch, UTC.
"""

from typing import Literal

Cause = Literal[
    "statement", "correction", "security_deposit", "prepayment", "earnest_money", "return", "interest",
    "damages", "other",
]  # fmt: skip
"""Why something is owed."""
FundKind = Literal["security_deposit", "prepayment", "earnest_money"]
Mode = Literal["external", "bank"]
"""external: through the members' own banks, recorded by the creditor. bank: by claims on a member bank."""
