"""`hansa meter send`: a machine's log onto the ledger, each reading once, however often and how grown."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.metering.messages import RegisterDevice
from hansa.apps.rooms import registry
from hansa.cli.common import desk
from tests.cli.shell import Shell, running
from tests.ports import free_port

MAPPING = """
[log]
device = "{device}"
format = "wide"
time = "time"
time_zone = "Asia/Shanghai"

[[feed]]
name = "good"
kind = "counter"
column = "good"
unit = "piece"
record_every = "all"

[[feed]]
name = "state"
kind = "state"
column = "state"
states = {{ run = "RUN", stop = "STOP", fault = "FAULT" }}
"""
ROWS = (
    ("2026-03-02 08:00", "100", "run"),
    ("2026-03-02 12:00", "120", "run"),
    ("2026-03-02 16:00", "140", "stop"),
    ("2026-03-03 08:00", "140", "run"),
    ("2026-03-03 12:00", "155", "run"),
)


@dataclass
class Line:
    """A machine of the quick consortium's only member, and its gateway's profile."""

    shell: Shell
    folder: Path
    member: str
    device: str

    @property
    def store(self) -> Path:
        return self.shell.home / "profiles" / "gateway" / "readings.db"

    def log(self, *rows: tuple[str, str, str], mapping: str = MAPPING) -> tuple[object, ...]:
        (self.folder / "log.csv").write_text(
            "time,good,state\n" + "".join(",".join(row) + "\n" for row in rows), "utf-8"
        )
        (self.folder / "map.toml").write_text(mapping.format(device=self.device), "utf-8")
        options = ("--profile", "gateway", "--yes")
        return "meter", "send", self.folder / "log.csv", "--map", self.folder / "map.toml", *options

    def send(self, *rows: tuple[str, str, str], **given: str) -> Any:
        return self.shell.do(*self.log(*rows, **given), "--json").json

    def records(self, feed: str) -> list[tuple[int, int]]:
        """(number, value) of each record on the ledger, in order of time."""
        told = self.shell.do(
            "get", "metering.records_of", "--owner", self.member, "--feed", f"{self.device}.{feed}",
            "--from-ms", 0, "--to-ms", 2**52, "--limit", 100, "--json",
        ).json["value"]  # fmt: skip
        return [(key[2], record.get("value", 0)) for key, record in told]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, Path, str]]:
    folder, port = tmp_path_factory.mktemp("town"), free_port()
    shell = Shell(folder / "home")
    shell.do("init", "--quick", folder / "node", "--port", port)
    with running(folder / "node"):
        member = shell.do("profile", "list", "--json").json[0]["member"]
        shell.do(
            "profile", "add", "gateway", "--url", f"http://127.0.0.1:{port}", "--member", member,
            "--genesis", folder / "node" / "genesis.json", "--key", "gateway-1",
        )  # fmt: skip
        card = folder / "card.json"
        card.write_text(shell.do("key", "export", "--card", "--profile", "gateway").out, "utf-8")
        shell.do("key", "add", "--card", card, "--kind", "gateway", "--scope", "metering.*", "--yes")
        yield shell, folder, member


@pytest.fixture
def line(town: tuple[Shell, Path, str], request: pytest.FixtureRequest) -> Line:
    return Line(*town, f"line-{len(request.node.name)}-{request.node.name[-12:]}".replace("_", "-"))


def test_a_log_that_grows_is_sent_each_reading_once(line: Line) -> None:
    first = line.send(*ROWS[:3])
    assert first["registered"] == [line.device, f"{line.device}.good", f"{line.device}.state"]
    assert (first["readings"], first["known"]) == (6, 0)
    again = line.send(*ROWS[:3])
    assert (again["readings"], again["records"], again["known"], again["registered"]) == (0, 0, 6, [])
    grown = line.send(*ROWS)
    assert (grown["readings"], grown["known"]) == (4, 6)
    assert line.records("good") == [(1, 100), (2, 120), (3, 140), (4, 140), (5, 155)]


def test_what_was_missing_is_sent_later_under_new_numbers(line: Line) -> None:
    line.send(ROWS[0], ROWS[2])
    line.send(*ROWS[:3])
    assert line.records("good") == [(1, 100), (3, 120), (2, 140)]


def test_states_that_come_later_are_those_that_the_mapping_named(line: Line) -> None:
    line.send(*ROWS[:3])
    line.send(("2026-03-04 08:00", "160", "fault"), ("2026-03-04 09:00", "161", "run"))
    states = [value for _, value in line.records("state")]
    assert states == [1, 2, 3, 1]  # unknown, RUN, STOP, FAULT
    odd = ("2026-03-05 08:00", "170", "washing")
    line.shell.refused("edge.state_new", *line.log(odd))


def test_what_was_sent_cannot_be_told_otherwise(line: Line) -> None:
    line.send(*ROWS)
    line.shell.refused("edge.told_otherwise", *line.log(("2026-03-02 12:00", "121", "run")))
    unit = MAPPING.replace('unit = "piece"', 'unit = "kg"')
    line.shell.refused("edge.feed_differs", *line.log(*ROWS, mapping=unit))
    assert [value for _, value in line.records("good")] == [100, 120, 140, 140, 155]


def test_a_counter_that_never_rose_waits_until_it_does(line: Line) -> None:
    still = tuple((at, "100", state) for at, _, state in ROWS[:3])
    told = line.send(*still)
    assert told["left_out"] == [f"{line.device}.good"]
    assert line.send(*still, *ROWS[3:])["registered"] == [f"{line.device}.good"]
    assert [value for _, value in line.records("good")] == [100, 100, 100, 140, 155]


def test_only_the_devices_gateway_speaks_for_it(line: Line) -> None:
    line.send(*ROWS[:2])
    with_other = [*line.log(*ROWS)]
    with_other[with_other.index("gateway")] = ""
    line.shell.refused("edge.source_other", *with_other)


def test_a_dry_run_sends_and_keeps_nothing(line: Line) -> None:
    shown = line.shell.do(*line.log(*ROWS), "--dry-run", "--json").json
    assert (shown["readings"], shown["known"]) == (10, 0)
    with sqlite3.connect(line.store) as store:
        held = store.execute("SELECT data FROM readings").fetchall()
    assert not [data for (data,) in held if line.device.encode() in data]
    assert line.send(*ROWS)["readings"] == 10
    said = line.shell.do(*line.log(*ROWS)).out
    assert "10 readings were known before" in said


def test_a_batch_that_was_stored_and_never_sent_is_sent(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the machine had failed between its own store and the outbox."""
    with monkeypatch.context() as failing:
        failing.setattr("hansa.cli.meter_send._deliver", lambda *_: None)
        line.shell.do(*line.log(*ROWS))
    assert line.send(*ROWS)["readings"] == 10
    assert line.send(*ROWS)["readings"] == 0
    assert [number for number, _ in line.records("good")] == [1, 2, 3, 4, 5]


def test_a_certificate_is_renewed_and_lost(line: Line) -> None:
    line.send(*ROWS[:2])
    feed = f"{line.device}.good"

    def drafted(*options: object) -> Any:
        said = line.shell.do("meter", "renew", feed, *options, "--dry-run", "--json").json
        return said["body"]["actions"][0]["legal_use"]

    given = ("--certificate", "JL-2026-7", "--valid-until", "2031-05-31", "--class", "0.5S", "--seal", "S-1")
    renewed = drafted(*given, "--ratio", "400/5")
    assert (renewed["grade"], renewed["certificate"], renewed["ratio_primary"]) == (
        "billing",
        "JL-2026-7",
        400,
    )
    assert renewed["valid_until_ms"] == 1_938_038_400_000  # Until 1 June: the last day counts whole.
    assert drafted("--lost") == {"grade": "indicative"}
    line.shell.refused("cli.wrong_use", "meter", "renew", feed, "--yes")
    line.shell.refused("cli.wrong_use", "meter", "renew", feed, *given, "--ratio", "400:5", "--yes")
    for said in (("--lost",), given):
        line.shell.refused("metering.feed_unknown", "meter", "renew", "nothing", *said, "--yes")


def test_a_reset_that_the_mapping_declares_is_declared_once(line: Line) -> None:
    fallen = (*ROWS, ("2026-03-04 08:00", "3", "run"), ("2026-03-04 12:00", "9", "run"))
    told = MAPPING.replace('unit = "piece"', 'unit = "piece"\nresets = "every_fall"')
    line.send(*fallen, mapping=told)
    assert line.send(*fallen, mapping=told)["readings"] == 0
    lives = line.shell.do(
        "get", "metering.lives_of", "--owner", line.member, "--feed", f"{line.device}.good", "--json"
    ).json["value"]
    assert [(life["final_value"], life.get("start_value", 0)) for _, life in lives] == [(155, 0)]


def test_records_of_a_new_life_of_the_device_are_numbered_anew(line: Line) -> None:
    line.send(*ROWS[:3])
    replaced_ms = int(datetime.fromisoformat("2026-03-03T00:00+08:00").timestamp()) * 1_000
    line.shell.do(
        "tx", "metering.replace_device", "--device", line.device, "--source", "gateway-1",
        "--at-ms", replaced_ms, "--counters", "[]", "--yes",
    )  # fmt: skip
    line.send(*ROWS)
    assert line.records("good") == [(1, 100), (2, 120), (3, 140), (1, 140), (2, 155)]


def test_nothing_is_numbered_while_something_waits(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.send(*ROWS[:2])
    monkeypatch.setenv("HANSA_HOME", str(line.shell.home))
    monkeypatch.setattr("hansa.cli.meter_send.send_outbox", lambda *_: None)
    with desk("en", "gateway").outbox() as outbox:
        number = outbox.put(registry(), RegisterDevice(device="waiting", source="gateway-1"))
    line.shell.refused("edge.outbox_waits", *line.log(*ROWS))
    with desk("en", "gateway").outbox() as outbox:
        outbox.drop(number)


def test_long_logs_are_compared_page_by_page(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.edge.sending.PAGE", 2)
    line.send(*ROWS)
    with sqlite3.connect(line.store) as store:
        store.execute("DELETE FROM readings")  # A new machine: only the ledger knows what was sent.
    assert line.send(*ROWS)["records"] == 0
    assert len(line.records("good")) == len(ROWS)


def test_the_end_of_a_life_is_no_reading(line: Line) -> None:
    line.send(*ROWS[:3])
    reset_ms = int(datetime.fromisoformat("2026-03-03T08:00+08:00").timestamp()) * 1_000
    line.shell.do(
        "tx", "metering.declare_reset", "--feed", f"{line.device}.good", "--at-ms", reset_ms,
        "--final-value", 140, "--start-value", 0, "--yes",
    )  # fmt: skip
    line.send(*ROWS[:3], ("2026-03-03 08:00", "0", "run"), ("2026-03-03 12:00", "15", "run"))
    assert [value for _, value in line.records("good")][-2:] == [0, 15]


def test_what_the_ledger_refuses_is_told(line: Line) -> None:
    """A person's key speaks for no device."""
    as_person = [*line.log(*ROWS)]
    as_person[as_person.index("gateway")] = ""
    line.shell.refused("metering.source_unfit", *as_person)
