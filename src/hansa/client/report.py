"""What the check of an evidence bundle found out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.recompute import Claims, Closed, Deal
from hansa.apps.consortium.messages import Genesis
from hansa.apps.metering.chain import Point
from hansa.apps.metering.messages import AnchorReadings
from hansa.apps.metering.readings import StoredReading
from hansa.client.bundle import Bundle
from hansa.client.case import Case
from hansa.client.texts import NO_TEXT, Text

PROBLEMS_SHOWN = 5


@dataclass(frozen=True)
class Check:
    """One check: what it says, whether it holds, and details or the place of the failure."""

    name: str
    text: Text
    ok: bool
    detail: Text = NO_TEXT


@dataclass(frozen=True)
class Origin:
    """Where a counter record comes from: its transaction, its source's signature, its anchored reading."""

    transaction: str
    height: int
    member: str
    key: str
    by_device: bool
    anchor: str
    index: int
    reading: StoredReading | None
    close: int = 0
    """The close that counted it: its position in `Report.statements`."""


@dataclass(frozen=True)
class Finality:
    """Who stands for the header: `signed` are cosigners of the set in force, the operator among them.

    Of a network they are its validators, and what follows `changes` says more; `quorum` is power there.
    """

    signed: tuple[str, ...] = ()
    cosigners: int = 0
    quorum: int = 0
    changes: int = 0
    """How often the set changed since genesis."""
    power: int = 0
    whole: int = 0
    """Voting power of all seats; 0 where there is an operator."""
    engine_height: int = 0
    block: str = ""
    """Hash of the engine's block of that height."""
    checkpoint: int = 0
    """Engine height of the block that was known beforehand; 0: none was given."""

    @property
    def final(self) -> bool:
        if self.whole:
            return self.power >= self.quorum
        return self.cosigners > 1 and len(self.signed) >= self.quorum


@dataclass(frozen=True)
class Voted:
    """A key that a vote of the members gave, not its own member."""

    member: str
    key: str
    proposal: str
    yes: tuple[str, ...]
    """Members whose signed votes for it are in the bundle."""


OriginName = tuple[str, int, int, int]
"""(meter, at_ms, generation, sequence)."""


@dataclass
class Report:
    """What the bundle shows. All but `checks` is there as far as the parts could be read."""

    checks: list[Check] = field(default_factory=list)
    genesis: Genesis | None = None
    bundle: Bundle | None = None
    finality: Finality = Finality()
    voted: list[Voted] = field(default_factory=list)
    case: Case | None = None
    """In place of a bundle: what a follower holds against the operator."""
    record: object | None = None
    """In place of a bundle: a single record (verify_record.py)."""
    statement: Statement | None = None
    statements: list[Statement] = field(default_factory=list)
    """Those of the agreement up to the subject's, oldest first."""
    deal: Deal | None = None
    anchors: dict[tuple[str, str], AnchorReadings] = field(default_factory=dict)
    """By (owner, anchor)."""
    broken: set[tuple[str, str, int]] = field(default_factory=set)
    """Readings in the bundle that are not under their anchor: (owner, anchor, index)."""
    points: dict[str, list[Point]] = field(default_factory=dict)
    """Per meter, what the statement counted, in reading order."""
    origins: dict[OriginName, Origin] = field(default_factory=dict)
    claims: dict[int, Claims] = field(default_factory=dict)
    """Claims about stops and scrap as they stood at the close, by start of the period."""
    closed: list[Closed] = field(default_factory=list)
    signed_by_device: bool = False
    """Whether devices signed all counter records themselves."""
    device_meters: tuple[str, ...] = ()
    """Meters whose records the device signed; of all others a gateway did."""
    missing: list[str] = field(default_factory=list)
    """Stretches of sequence numbers without a record: `feed 1.31–40` (generation, numbers)."""

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


class Failed(Exception):
    """A check failed on which all others rest."""


def note(
    report: Report, name: str, text: Text, problems: Sequence[str | Text], detail: Text = NO_TEXT
) -> bool:
    """Write a check down: it holds if there are no problems; else its detail names the first of them."""
    if problems:
        shown = [Text(each, each) if isinstance(each, str) else each for each in problems[:PROBLEMS_SHOWN]]
        more = len(problems) - len(shown)
        detail = Text(
            "不成立：" + "；".join(each.zh for each in shown) + (f"；另有 {more} 处" if more else ""),
            "broken: " + "; ".join(each.en for each in shown) + (f"; and {more} more" if more else ""),
        )
    report.checks.append(Check(name, text, not problems, detail))
    return not problems


def need(
    report: Report, name: str, text: Text, problems: Sequence[str | Text], detail: Text = NO_TEXT
) -> None:
    """The same, for a check without which nothing more can be said. Raises Failed."""
    if not note(report, name, text, problems, detail):
        raise Failed
