"""The pages on services that are paid by what a meter counts: each followed by one reader in either language.

The consortium of the pages stands already, and on pages other than the first the gateways are connected. The
reader's clock and the node's are set to what the page says. What a page works out by hand, under the heading
of a statement, must be that statement, figure by figure.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.node import settings as files
from hansa.node.run import serve
from tests.cli.shell import Shell
from tests.consortium import uscc
from tests.docs.pages import ROOT, Reader, commands, steps
from tests.ports import free_port
from tests.waiting import until

NAMES = ("compressed-air", "repair-contract", "inspection-per-part", "model-per-call")
FOLDERS = {"en": ROOT / "docs", "zh": ROOT / "docs" / "zh"}
COMPANIES = {
    "plant": ("plant", "East China Food", "华东食品有限公司"),
    "station": ("lessor", "Taihu Compressed Air", "太湖压缩空气有限公司"),
    "maker": ("lessor", "East China Packaging Machines", "华东包装机械有限公司"),
    "lab": ("lessor", "Suzhou Inspection", "苏州检测技术有限公司"),
    "modeller": ("lessor", "Linghang Models", "领航模型科技有限公司"),
    "host": ("lessor", "Kunshan Computing", "昆山算力有限公司"),
}
"""Of each member its role and names; the first operates the node."""
GATEWAYS = {"station": "station-meter", "plant": "plant-line", "lab": "lab-line", "host": "host-meter"}
FOUNDED = "2027-02-22T09:00+08:00"
REFERENCE = re.compile(r"\bRF\d\d[0-9A-Z]{16}\b")
REST_S = 30


def page(lang: str, name: str) -> Path:
    return FOLDERS[lang] / f"{name}.md"


class Clock:
    """Time that a page sets: it goes on from there as usual."""

    def __init__(self) -> None:
        self._real = time.time_ns
        self._ahead_ns = 0

    def now_ns(self) -> int:
        return self._real() + self._ahead_ns

    def move_to(self, at_ms: int) -> None:
        assert not self._ahead_ns or at_ms * 10**6 > self.now_ns(), f"{at_ms} is past"
        self._ahead_ns = at_ms * 10**6 - self._real()


def instant_ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000


@dataclass
class Trader(Reader):
    """A reader whose clock is the page's, and whose payment references stand for those of this ledger."""

    clock: Clock = field(default_factory=Clock)
    handle: Any = None
    """Of the node."""
    references: list[str] = field(default_factory=list)
    """Of the page, in their order."""
    seen: list[str] = field(default_factory=list)
    """Of this ledger, in the order in which they were printed."""

    def run(self, command: str) -> str:
        printed = super().run(command)
        self.seen += [found for found in dict.fromkeys(REFERENCE.findall(printed)) if found not in self.seen]
        return printed

    def move_to(self, time: str) -> None:
        """What falls due on the way is done at its time."""
        at_ms = instant_ms(time)
        while (due_ms := self.handle.next_due_ms()) and due_ms <= at_ms:
            self.clock.move_to(max(due_ms, self.clock.now_ns() // 10**6 + 1))
            self.handle.wake()
            assert until(lambda due_ms=due_ms: self.handle.next_due_ms() != due_ms, within_s=REST_S), due_ms
        self.clock.move_to(at_ms)

    def _ours(self, text: str) -> str:
        for theirs, ours in zip(self.references, self.seen, strict=False):
            text = text.replace(theirs, ours)
        return super()._ours(text)

    def _theirs(self, text: str) -> str:
        for theirs, ours in zip(self.references, self.seen, strict=False):
            text = text.replace(ours, theirs)
        return super()._theirs(text)


@contextmanager
def node(directory: Path) -> Iterator[Any]:
    """The node of a data directory as `hansa up` runs it; its handle."""
    settings = msgspec.structs.replace(files.read(directory), log="warning")
    ready, stop, handles = threading.Event(), threading.Event(), []

    def started(handle: Any) -> None:
        handles.append(handle)
        ready.set()

    thread = threading.Thread(
        target=serve, args=(settings,), kwargs={"ready": started, "stop": stop}, daemon=True
    )
    thread.start()
    assert ready.wait(REST_S), "the node did not start"
    try:
        yield handles[0]
    finally:
        stop.set()
        thread.join(REST_S)


def found(shell: Shell, folder: Path, port: int) -> None:
    """The six companies, all profiles in one home, the plant's the default."""
    cards: list[object] = []
    for number, (name, (role, en, zh)) in enumerate(COMPANIES.items()):
        data = ("--name-en", en, "--name-zh", zh, "--uscc", uscc(number), "--size", "medium", "--role", role)
        if not number:
            own = data
            continue
        card = folder / f"{name}.card"
        keys = folder / f"{name}-keys"
        shell.do("member", "card", "--founding", "--id", name, "--data", keys, *data, "-o", card)
        cards += ["--card", card]
    shell.do("init", folder / "node", "--id", "plant", *own, *cards, "--port", port, "--yes")
    for name in list(COMPANIES)[1:]:
        shell.do(
            "profile", "add", name, "--url", f"http://127.0.0.1:{port}", "--member", name,
            "--genesis", folder / "node" / "genesis.json", "--key-file", folder / f"{name}-keys" / "k1.pem",
        )  # fmt: skip


def connect(shell: Shell, folder: Path, port: int) -> None:
    """Gateways with keys of their own, as the first page shows it."""
    for member, name in GATEWAYS.items():
        shell.do(
            "profile", "add", name, "--url", f"http://127.0.0.1:{port}", "--member", member,
            "--genesis", folder / "node" / "genesis.json", "--key", "gateway-1",
        )  # fmt: skip
        card = folder / f"{name}.card"
        card.write_text(shell.do("key", "export", "--card", "--profile", name).out, "utf-8")
        shell.do(
            "key", "add", "--card", card, "--kind", "gateway", "--scope", "metering.*",
            "--expires", "2028-12-31T00:00+08:00", "--yes",
            *(("--profile", member) if member != "plant" else ()),
        )  # fmt: skip


@contextmanager
def trader(folder: Path, lang: str, name: str) -> Iterator[Trader]:
    with pytest.MonkeyPatch.context() as patch:
        clock, port, shell = Clock(), free_port(), Shell(folder / "home", lang)
        clock.move_to(instant_ms(FOUNDED))
        patch.setattr(time, "time_ns", clock.now_ns)
        patch.chdir(folder)
        found(shell, folder, port)
        shown = REFERENCE.findall(page(lang, name).read_text("utf-8"))
        with node(folder / "node") as handle:
            if name != NAMES[0]:
                connect(shell, folder, port)
            yield Trader(
                folder, lang, {"8420": str(port)}, clock=clock, handle=handle,
                references=list(dict.fromkeys(shown)),
            )  # fmt: skip


# What a page works out by hand.

TABLE = re.compile(r"^<!-- by hand: (\S+) (\S+) -->\n((?:\|.*\n)+)", re.M)
SHARES = re.compile(r"^<!-- shares by hand: (\S+) (\S+) -->\n((?:\|.*\n)+)", re.M)


def number(text: str) -> Fraction:
    return Fraction(text.replace(",", "").replace("−", "-"))


def reckoned(text: str) -> Fraction:
    """The value of a sum as a page writes it: numbers with units, + − × ÷, brackets, per cent; what stands
    behind a semicolon are words.
    """
    tokens = re.findall(r"\d[\d,]*(?:\.\d+)?|[-+−×÷()%]", re.split("[;；]", text)[0])

    def factor() -> Fraction:
        token = tokens.pop(0)
        if token in "-−":
            return -factor()
        value = total() if token == "(" else number(token)
        if token == "(":
            assert tokens.pop(0) == ")", text
        if tokens and tokens[0] == "%":
            tokens.pop(0)
            value /= 100
        return value

    def product() -> Fraction:
        value = factor()
        while tokens and tokens[0] in "×÷":
            value = value * factor() if tokens.pop(0) == "×" else value / factor()
        return value

    def total() -> Fraction:
        value = product()
        while tokens and tokens[0] in "+-−":
            value = value + product() if tokens.pop(0) == "+" else value - product()
        return value

    value = total()
    assert not tokens, f"{text}: {tokens} left over"
    return value


def half_up(value: Fraction) -> Fraction:
    """To the cent, ties away from zero."""
    cents = abs(value) * 100
    rounded = Fraction(int(cents + Fraction(1, 2)), 100)
    return rounded if value >= 0 else -rounded


def rows_by_hand(text: str) -> list[tuple[str, str, str]]:
    """(line, sum, result) of a table."""
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]
    return [(first.strip("`* "), worked, result.strip("* ")) for first, worked, result in rows]


SUMS = {"net": "不含税合计", "tax": "税额", "gross": "价税合计"}


def statement_of(reader: Trader, agreement: str, period: str) -> list[tuple[str, Fraction]]:
    """What the ledger's statement says, as a page lists it: each line's net by its clause, then the sums."""
    shell = Shell(reader.folder / "home", reader.lang)
    lines = shell.do("statement", "lines", agreement, period, "--json").json
    sums = [(name, Fraction(sum(line[f"{name}_minor"] for line in lines), 100)) for name in SUMS]
    return [(line["clause"], Fraction(line["net_minor"], 100)) for line in lines] + sums


def shares_of(reader: Trader, agreement: str, period: str) -> list[tuple[str, Fraction]]:
    """What each payee is owed of the statement of the month that begins on a date."""
    shell = Shell(reader.folder / "home", reader.lang)
    month_ms = instant_ms(f"{period}T00:00+08:00")
    told = shell.do(
        "get", "billing.statement_of", "--agreement", agreement, "--period-ms", month_ms, "--json"
    ).json["value"]
    owed: dict[str, Fraction] = {}
    for share in told["shares"]:
        owed[share["creditor"]] = owed.get(share["creditor"], Fraction(0)) + Fraction(
            share["gross_minor"], 100
        )
    return sorted(owed.items())


def check_shares(reader: Trader, text: str) -> int:
    """Each table of who is owed what. How many there are."""
    tables = SHARES.findall(text)
    for agreement, period, table in tables:
        rows = rows_by_hand(table)
        for name, worked, result in rows:
            assert half_up(reckoned(worked)) == number(result), f"{agreement} {period} {name}: {worked}"
        found = sorted((name, number(result)) for name, _, result in rows)
        assert found == shares_of(reader, agreement, period), f"{agreement} {period}"
    return len(tables)


def check_by_hand(reader: Trader, text: str) -> int:
    """Each table that a page works out: right by itself, and what the ledger says. How many there are."""
    tables = TABLE.findall(text)
    for agreement, period, table in tables:
        rows = rows_by_hand(table)
        for name, worked, result in rows:
            assert half_up(reckoned(worked)) == number(result), f"{agreement} {period} {name}: {worked}"
        names = [next((en for en, zh in SUMS.items() if name == zh), name) for name, _, _ in rows]
        found = list(zip(names, (number(result) for _, _, result in rows), strict=True))
        assert found == statement_of(reader, agreement, period), f"{agreement} {period}"
    return len(tables)


@pytest.mark.parametrize("lang", FOLDERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_reader_sees_what_the_page_shows_and_works_out(name: str, lang: str, tmp_path: Path) -> None:
    with trader(tmp_path, lang, name) as somebody:
        somebody.follow(page(lang, name))
        text = page(lang, name).read_text("utf-8")
        assert check_by_hand(somebody, text) >= 2
        assert check_shares(somebody, text) == text.count("<!-- shares by hand")


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_run_the_same_commands(name: str) -> None:
    assert commands(page("en", name)) == commands(page("zh", name))
    assert len(commands(page("en", name))) >= 12
    told = [[step for step in steps(page(lang, name)) if step.kind != "command"] for lang in FOLDERS]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100,000 m³ × 0.115 + 42,350.5 m³ × 0.098", "15650.349"),
        ("−3 % × (11,500.00 + 4,150.35)", "-469.5105"),
        ("(4 − 1) × 850.00", "2550"),
        ("0 m³ × 0.09; 142,350.5 m³ are more", "0"),
        ("1,435.00 ÷ 2 − 7.5", "710"),
    ],
)
def test_sums_of_a_page_are_worked_out(text: str, value: str) -> None:
    assert reckoned(text) == Fraction(value)
    assert (half_up(Fraction("0.005")), half_up(Fraction("-0.005"))) == (Fraction("0.01"), Fraction("-0.01"))
