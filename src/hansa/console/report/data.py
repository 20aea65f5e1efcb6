"""What a report shows. Times are ms since the epoch, UTC; local times are shown in `Zone`.

Money is in minor units of the currency. Quantities are decimal texts in the unit beside them and are shown as
given. A `Text` has both languages. Codes (rule, status, unit, state, role) are shown in the reader's language
where the report knows them, else as they stand.
"""

from typing import Literal

from hansa.console.report.business import Business
from hansa.console.report.data_node import Cheat, Governance, Operations
from hansa.console.report.part import Part
from hansa.console.report.part import Text as Text

Number = int | float


class Member(Part):
    id: str
    name_zh: str
    name_en: str
    role: str
    """`maker`, `plant`, `bank`, `auditor`, or another word, shown as it is."""


class Consortium(Part):
    name_zh: str
    name_en: str
    members: tuple[Member, ...]


class Zone(Part):
    """`offset_minutes[k]` holds from `transition_ms[k]` on; before the first one the first holds too.

    Both lists are of one length, at least 1; transitions ascend.
    """

    name: str
    transition_ms: tuple[int, ...]
    offset_minutes: tuple[int, ...]


class SourceFile(Part):
    name: str
    sha256: str


class Source(Part):
    """Who signed the records. A device did only where `signed_by_device` says so (protocol, rule 26)."""

    signed_by_device: bool
    key: str
    kind: str
    """Kind of the key: `device` or `gateway`."""
    files: tuple[SourceFile, ...]


class LegalUse(Part):
    """Whether the feed may settle trade. "" and 0: there is none."""

    grade: str
    """`billing` or `indicative`."""
    certificate: str = ""
    valid_until_ms: int = 0
    accuracy_class: str = ""
    seal: str = ""


class Life(Part):
    """A counter began anew. Values are decimal texts in the feed's unit."""

    at_ms: int
    kind: Literal["reset", "replacement"]
    final_value: str
    start_value: str


class Gap(Part):
    """An unknown stretch and what it counted for. A gap of a feed that no agreement uses has rule ""."""

    feed: str
    from_ms: int
    to_ms: int
    rule: str
    """`counter_difference`, `last_rate`, `zero`, `average_day` or `dispute`."""
    quantity: str
    unit: str
    status: Literal["closed", "late", "open", "disputed"]
    """late: its readings came after the close; the next statement corrects what it counted for."""


class Fall(Part):
    """Low readings of a counter, from the first to the last of them, and what became of them."""

    feed: str
    at_ms: int
    to_ms: int
    readings: int
    value: str
    last_good: str
    became: Literal["false_reading", "pending", "reset"]


class Feed(Part):
    """One signal.

    `series` (counter, amount): points in time order, in the unit of `unit_text`, an amount at the end of its
    interval; null breaks the line. `bands` (state): (from, to, index into `states`), in time order.
    `state_ms`: time per state.
    """

    name: str
    kind: Literal["counter", "amount", "state"]
    unit_text: Text
    base_unit: str
    scale_text: str
    """How the log's numbers become base units, such as `1 kWh = 1,000 Wh`; without words."""
    source: Source
    legal_use: LegalUse
    wired: bool
    """False: the counter never rose, and nothing can be billed by it."""
    integrated: bool
    """True: integrated from power, hence always indicative."""
    series: tuple[tuple[int, Number | None], ...] = ()
    false_readings: tuple[tuple[int, Number], ...] = ()
    lives: tuple[Life, ...] = ()
    states: tuple[str, ...] = ()
    bands: tuple[tuple[int, int, int], ...] = ()
    state_ms: tuple[int, ...] = ()
    gaps: tuple[Gap, ...] = ()
    falls: tuple[Fall, ...] = ()


class OeeFactor(Part):
    """A ratio as decimal text ("0.4312"), or None where its input was not given."""

    value: str | None
    given: bool
    how: Text
    """How it was computed, from what."""
    needs: Text
    """What would be needed, where it is not given."""


class Oee(Part):
    """Overall equipment effectiveness, ISO 22400-2. `oee` is given only if its three factors are."""

    availability: OeeFactor
    performance: OeeFactor
    quality: OeeFactor
    oee: OeeFactor


class RefusedRow(Part):
    """A row of a log that was not taken. `line` and `column` count from 1; 0: there is none."""

    file: str
    line: int
    column: int
    code: str
    zh: str
    en: str


class ReadSummary(Part):
    """What became of the rows of the log; `refused` holds the first refused rows."""

    rows: int
    readings: int
    duplicates: int
    out_of_order: int
    late: int
    misdated: int
    malformed: int
    skipped: dict[str, int]
    """Rows left out, by reason: `other` (no mapped item), `asset`, `command`, or another word."""
    refused: tuple[RefusedRow, ...]


class Agreement(Part):
    id: str
    provider: str
    """Member that is paid."""
    user: str
    """Member that pays."""
    from_ms: int
    to_ms: int
    tariff_name: str
    tariff_lines: tuple[Text, ...]
    gap_rules: tuple[Text, ...]
    cut_off_text: Text
    currency: str
    minor_digits: int
    """Decimals of the currency's minor unit: 2 for CNY, 0 for JPY."""


class Node(Part):
    """A step of an explanation; `children` are what it rests on.

    `ok`: whether it was computed again and held; None where there is nothing to check.
    """

    text: Text
    detail: Text | Literal[""] = ""
    ok: bool | None = None
    children: "tuple[Node, ...]" = ()


class StatementLine(Part):
    number: int
    clause: str
    kind: str
    """`usage`, `included`, `fixed`, `minimum`, `cap` or `correction`."""
    text: Text
    quantity: str
    unit: str
    price: str
    """Price per priced unit in the currency's main unit, exact decimal text."""
    price_e8: int
    net_minor: int
    tax_rate_bp: int
    tax_minor: int
    gross_minor: int
    explanation: Node


class RateTotal(Part):
    tax_rate_bp: int
    net_minor: int
    tax_minor: int
    gross_minor: int


class Statement(Part):
    """A settlement statement (结算单), no invoice. The period is from ≤ t < to."""

    id: str
    period_from_ms: int
    period_to_ms: int
    currency: str
    lines: tuple[StatementLine, ...]
    by_rate: tuple[RateTotal, ...]
    net_minor: int
    tax_minor: int
    gross_minor: int
    gaps: tuple[Gap, ...]
    falls: tuple[Fall, ...]
    closed_ms: int


class Check(Part):
    text: Text
    ok: bool
    detail: Text


class Recomputed(Part):
    """A statement as it stands on the ledger, and as computed again from the evidence alone."""

    statement: str
    stated_gross_minor: int
    recomputed_gross_minor: int


class Tamper(Part):
    """The experiment on a copy: what was changed, which check failed, and where."""

    text: Text
    found: Text
    at: Text


class Audit(Part):
    chain: str
    height: int
    app_hash: str
    operator_key: str
    header_time_ms: int
    checks: tuple[Check, ...]
    recomputed: tuple[Recomputed, ...]
    tamper: Tamper | None
    not_proved: tuple[Text, ...]
    commands: tuple[str, ...]
    """How an outsider repeats the check, one command each."""
    header_signature: str = ""
    genesis_sha256: str = ""
    finality: Text | None = None
    """How many cosigners stand behind the header, or that there is the operator's word only."""
    cheats: tuple[Cheat, ...] = ()


class ReportData(Part):
    title: Text
    replay: bool
    """True: the log was played on a replay clock, signed with demo keys. The report says so on top."""
    made_up: bool
    """True: the log itself is made up, no machine wrote it. The report says so on top."""
    made_at_ms: int
    consortium: Consortium
    device: str
    zone: Zone
    feeds: tuple[Feed, ...]
    oee: Oee
    read: ReadSummary | None
    agreement: Agreement
    statements: tuple[Statement, ...]
    audit: Audit
    evidence_file: str
    """Name of the file, without its folder; so too `genesis_file`."""
    genesis_file: str
    operations: Operations | None = None
    """For IT; None: the tab is left out. So too `governance`, for the auditor of the votes."""
    governance: Governance | None = None
    business: Business | None = None
    """For sales clerk and bank; None: both tabs are left out."""
