"""The pages for sales clerks and accountants: one reader follows them in order, in either language.

The consortium stands already, and an agreement `service-7` between maker and plant whose first three days are
closed. The pages are written as if it were Wednesday, 10 March 2027, which stands for the last Wednesday; the
dates around it move along. Their payment references stand for those that the ledger made, in the order in
which they are first shown.
"""

import datetime
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from hansa.apps.billing.deal import Deal, content
from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.tariff import Fixed
from hansa.apps.billing.terms import Settlement, Terms
from hansa.apps.consortium.calendar_file import build_calendar
from hansa.kernel import replace
from tests.apps.tariffs import TARIFF
from tests.cli.shell import Shell, running
from tests.consortium import uscc
from tests.docs.pages import ROOT, Reader, commands, steps
from tests.ports import free_port
from tests.waiting import until

NAMES = ("lease-out-a-line", "be-paid", "book-it")
"""In the order in which each goes on from the one before."""

FOLDERS = {"en": ROOT / "docs", "zh": ROOT / "docs" / "zh"}
WRITTEN = datetime.date(2027, 3, 10)
"""Today, on the pages: a Wednesday."""
ZONE = ZoneInfo("Asia/Shanghai")
DATE = re.compile(r"20\d\d-\d\d-\d\d")
REFERENCE = re.compile(r"\bRF\d\d[0-9A-Z]{16}\b")
NEAR = datetime.timedelta(days=400)


def page(lang: str, name: str) -> Path:
    return FOLDERS[lang] / f"{name}.md"


@dataclass
class Clerk(Reader):
    """A reader for whom the pages' dates and references are those of today's ledger."""

    today: datetime.date = WRITTEN
    references: list[str] = field(default_factory=list)
    """Of the pages, in their order."""
    seen: list[str] = field(default_factory=list)
    """Of this ledger, in the order in which they were printed."""

    def run(self, command: str) -> str:
        printed = super().run(command)
        for found in REFERENCE.findall(printed):
            if found not in self.seen:
                self.seen.append(found)
        return printed

    def _ours(self, text: str) -> str:
        for theirs, ours in zip(self.references, self.seen, strict=False):
            text = text.replace(theirs, ours)
        return _moved(super()._ours(text), WRITTEN, self.today)

    def _theirs(self, text: str) -> str:
        text = _moved(text, self.today, WRITTEN)
        for theirs, ours in zip(self.references, self.seen, strict=False):
            text = text.replace(ours, theirs)
        return super()._theirs(text)


def _moved(text: str, start: datetime.date, end: datetime.date) -> str:
    """The text with dates near `start` as far from `end`."""

    def move(found: re.Match[str]) -> str:
        try:
            day = datetime.date.fromisoformat(found[0])
        except ValueError:
            return found[0]
        return (day - start + end).isoformat() if abs(day - start) < NEAR else found[0]

    return DATE.sub(move, text)


def last_wednesday(day: datetime.date) -> datetime.date:
    """On or before a day: so that weekdays are those of the pages."""
    return day - (day - WRITTEN) % datetime.timedelta(days=7)


@contextmanager
def clerk(folder: Path, lang: str) -> Iterator[Clerk]:
    """A reader in the consortium of the pages, whose node runs."""
    before, today = Path.cwd(), last_wednesday(datetime.datetime.now(ZONE).date())
    shell = Shell(folder / "home", lang)
    _found(shell, folder)
    with running(folder / "node"):
        _agree(shell, today)
        shown = [token for name in NAMES for token in REFERENCE.findall(page(lang, name).read_text("utf-8"))]
        os.chdir(folder)
        try:
            yield Clerk(folder, lang, today=today, references=list(dict.fromkeys(shown)))
        finally:
            os.chdir(before)


def _company(number: int, role: str) -> tuple[object, ...]:
    names = ("Packaging", "Food", "Bank")
    zh = ("华东包装机械有限公司", "华东食品有限公司", "华东银行")
    return (
        "--name-en", f"East China {names[number]}", "--name-zh", zh[number], "--uscc", uscc(number),
        "--size", "medium", "--role", role,
    )  # fmt: skip


def _found(shell: Shell, folder: Path) -> None:
    """Maker, plant and bank, all profiles in one home; the maker operates."""
    port, cards = free_port(), []
    for number, name in ((1, "plant"), (2, "bank")):
        card = folder / f"{name}.card"
        shell.do(
            "member", "card", "--founding", "--id", name, "--data", folder / f"{name}-keys",
            *_company(number, "plant" if number == 1 else "bank"), "-o", card,
        )  # fmt: skip
        cards += ["--card", card]
    shell.do(
        "init", folder / "node", "--id", "maker", *_company(0, "lessor"), *cards, "--port", port, "--yes"
    )
    for name in ("plant", "bank"):
        shell.do(
            "profile", "add", name, "--url", f"http://127.0.0.1:{port}", "--member", name,
            "--genesis", folder / "node" / "genesis.json", "--key-file", folder / f"{name}-keys" / "k1.pem",
        )  # fmt: skip
    shell.do("profile", "use", "maker")


def _agree(shell: Shell, today: datetime.date) -> None:
    """The agreement that "Be paid" is about: three days of it, or more, are closed by now."""
    calendar = build_calendar("Asia/Shanghai", today.year - 1, today.year + 1, {})
    tariff = replace(
        TARIFF,
        purpose="internal",
        period="day",
        meters=(),
        elements=(Fixed("base_fee", "vat", 100_000), Fixed("night_shift", "vat", 33_333)),
        windows=(),
        taxes=TARIFF.taxes[:1],
    )
    terms = Terms(0, (), Settlement(payment_days=30, runs_from="period_end"))
    from_ms, to_ms = (
        int(datetime.datetime.combine(today + datetime.timedelta(days), datetime.time(), ZONE).timestamp())
        * 1_000
        for days in (-3, 60)
    )
    agreement = Agreement(
        "maker", "plant", "maker", "maker", "service", 1, (), terms, from_ms, to_ms, "proposed"
    )
    yes = ("--profile", "maker", "--yes")
    shell.do("tx", "consortium.publish_calendar", "--id", "years", "--calendar", _told(calendar), *yes)
    shell.do(
        "tx", "billing.publish_tariff", "--id", "service", "--version", 1, "--tariff", _told(tariff),
        "--calendar-owner", "maker", "--calendar", "years", *yes,
    )  # fmt: skip
    shell.do(
        "tx", "billing.propose", "--agreement", "service-7", "--provider", "maker", "--user", "plant",
        "--tariff-owner", "maker", "--tariff", "service", "--tariff-version", 1, "--meters", "[]",
        "--terms", _told(terms), "--from-ms", from_ms, "--to-ms", to_ms, *yes,
    )  # fmt: skip
    signed = content("service-7", Deal(agreement, tariff, calendar, {}))
    shell.do(
        "tx", "billing.accept", "--agreement", "service-7", "--content", signed, "--profile", "plant", "--yes"
    )
    assert until(lambda: len(shell.do("statement", "list", "--json").json) >= 3, within_s=30)


def _told(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize("lang", FOLDERS)
def test_a_clerk_who_does_what_the_pages_say_sees_what_they_show(lang: str, tmp_path: Path) -> None:
    with clerk(tmp_path, lang) as somebody:
        for name in NAMES:
            somebody.follow(page(lang, name))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_run_the_same_commands(name: str) -> None:
    assert commands(page("en", name)) == commands(page("zh", name))
    assert len(commands(page("en", name))) >= 7
    files = [[step for step in steps(page(lang, name)) if step.kind == "file"] for lang in FOLDERS]
    assert files[0] == files[1]


def test_dates_of_the_pages_are_as_far_from_today() -> None:
    today = datetime.date(2026, 1, 30)
    assert _moved("from 2027-03-12 on, 2019-04-01", WRITTEN, today) == "from 2026-02-01 on, 2019-04-01"
    assert _moved("2026-02-01 00:00", today, WRITTEN) == "2027-03-12 00:00"
    for days in range(7):
        assert last_wednesday(WRITTEN + datetime.timedelta(days)) == WRITTEN
    assert last_wednesday(datetime.date(2026, 11, 22)) == datetime.date(2026, 11, 18)
