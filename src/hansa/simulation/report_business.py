"""What the report tells sales clerk, bank and accountant of a play's business, read from the ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import Life
from hansa.apps.billing.texts import money_text
from hansa.apps.consortium.calendars import Period, local_day
from hansa.apps.consortium.messages import Member
from hansa.apps.leasing.messages import Lease
from hansa.client.tables import EPOCH
from hansa.client.texts import Text
from hansa.console.report import business as page
from hansa.console.report.part import Text as Said
from hansa.simulation.leasing import Settled
from hansa.simulation.play import AGREEMENT, SUBLEASE, USER, Play
from hansa.simulation.said import grouped
from hansa.simulation.story import Asking, asking
from hansa.simulation.story_files import Files
from hansa.simulation.world import World

ROWS_MAX = 300


@dataclass(frozen=True)
class Look:
    """What is looked at, and from where."""

    world: World
    play: Play
    settled: Settled
    files: Files

    @property
    def ask(self) -> Asking:
        return asking(self.world, USER)

    @property
    def agreements(self) -> tuple[str, ...]:
        return agreements_of(self.settled)

    def file(self, name: str) -> str | None:
        """A file of the report's folder, if it was made."""
        return name if name in (path.name for path, _ in self.files.made) else None

    def papers(self, agreement: str, count: int) -> list[str | None]:
        """The printable file of each of the last `count` statements; the last ones have one."""
        start = f"statement-{agreement}-"
        made = [
            path.name for path, _ in self.files.made if path.name.startswith(start) and path.suffix == ".pdf"
        ]
        return [*[None] * (count - len(made)), *made[-count:]]

    def lease(self, name: str) -> Lease | None:
        found: Lease | None = self.ask.one("leasing.lease_of", Lease | None, lease=name)
        return found

    @cached_property
    def members(self) -> dict[str, Member]:
        return dict(self.ask.one("consortium.members", list[tuple[str, Member]]))

    def name(self, member: str) -> tuple[str, str]:
        """(zh, en); the id of one that is not there."""
        found = self.members.get(member)
        return (found.name_zh, found.name_en) if found else (member, member)

    @property
    def currency(self) -> str:
        return self.play.sheet.tariff.currency

    def money(self, amount_minor: int) -> str:
        """For a sentence: 12,345.60 CNY."""
        return f"{grouped(money_text(amount_minor, self.currency))} {self.currency}"

    def day(self, at_ms: int) -> str:
        """A local date."""
        return date_text(local_day(self.play.sheet.calendar, at_ms))

    def stated(self, agreement: str) -> list[tuple[Statement, Life | None]]:
        """Statements of an agreement, the last ROWS_MAX, each with how far it is."""
        found = self.ask.one("billing.statements_of", list[Statement], agreement=agreement)
        return [
            (
                each,
                self.ask.one(
                    "billing.life_of", Life | None, agreement=agreement, period_ms=each.period.from_ms
                ),
            )
            for each in found[-ROWS_MAX:]
        ]


def agreements_of(settled: Settled) -> tuple[str, ...]:
    return (AGREEMENT, SUBLEASE) if settled.sublet else (AGREEMENT,)


def said(zh: str, en: str) -> Said:
    return Said(zh=zh, en=en)


def label(text: Text, tone: page.Tone = "") -> page.Label:
    return page.Label(zh=text.zh, en=text.en, tone=tone)


def marked(zh: str, en: str, tone: page.Tone = "") -> page.Label:
    return page.Label(zh=zh, en=en, tone=tone)


def column(zh: str, en: str, kind: page.Kind) -> page.Column:
    return page.Column(name=said(zh, en), kind=kind)


def grid(
    title: tuple[str, str],
    columns: Sequence[tuple[str, str, page.Kind]],
    rows: Iterable[Sequence[page.Cell]],
    empty: tuple[str, str],
    foot: Sequence[Sequence[page.Cell]] = (),
) -> page.Grid:
    """A table of at most ROWS_MAX rows."""
    return page.Grid(
        title=said(*title),
        columns=tuple(column(*each) for each in columns),
        rows=tuple(tuple(row) for row in list(rows)[:ROWS_MAX]),
        empty=said(*empty),
        foot=tuple(tuple(row) for row in foot),
    )


def date_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()


def period_text(period: Period) -> str:
    """First and last day."""
    return f"{date_text(period.first_day)} – {date_text(period.last_day)}"


def when(at_ms: int) -> int | None:
    """A time of the ledger's, where 0 means that there is none."""
    return at_ms or None
