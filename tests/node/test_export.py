"""A member takes its data along in open formats; a reader that knows nothing of Hansa checks them."""

import base64
import csv
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.engines.embedded import Embedded
from hansa.kernel import encode
from hansa.node import errors_operate, read_export
from hansa.node.export import Extras, Readings, cell_text, export
from hansa.node.source import InDirectory
from tests.apps.ballots import decide, seats
from tests.client.evidence_world import EvidenceWorld, made
from tests.consortium import Consortium, signer
from tests.engines import test_succession as succeeding
from tests.engines.test_handover import taken_over

READER = Path(read_export.__file__)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    built = made(tmp_path_factory.mktemp("export"))
    yield built
    built.store.close()
    built.consortium.close()


def exported(world: EvidenceWorld, folder: Path, member: str = "plant", **extras: Any) -> dict[str, Any]:
    readings = (Readings(*batch) for batch in world.store.batches()) if member == "plant" else ()
    with world.consortium.node.reader().snapshot() as reading:
        source = InDirectory(world.genesis, reading)
        return export(source, member, folder, extras=Extras(readings=readings, **extras))


@pytest.fixture(scope="module")
def whole(world: EvidenceWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plant's export, with its readings and an evidence file."""
    folder = tmp_path_factory.mktemp("whole") / "plant"
    exported(world, folder, evidence=[("lease-1.json", b"{}\n")])
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def rows(folder: Path, name: str) -> list[Any]:
    return list(read_export.load(folder, name))


def test_the_reader_goes_with_every_export(whole: Path) -> None:
    assert READER.read_bytes() == (whole / "read_export.py").read_bytes()


def test_the_reader_uses_the_standard_library_only() -> None:
    text = READER.read_text()
    used = set(re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE))
    assert used <= set(sys.stdlib_module_names)
    assert len(text.splitlines()) <= 500


def test_all_holds_and_the_reader_says_what_is_there(whole: Path, world: EvidenceWorld) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(READER), str(whole), "--json", "--signatures"], capture_output=True
    )
    found = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, b"")
    assert found["member"] == "plant"
    assert found["blocks"] == found["height"] == world.consortium.node.height
    assert found["statements"] == len(world.statements()) == 4
    assert found["readings"] == sum(len(batch[3]) for batch in world.store.batches()) > 0
    assert found["signatures"] == len(rows(whole, "own/transactions")) > 0


def test_statements_are_there_to_the_cent_as_data_and_as_people_write_them(
    whole: Path, world: EvidenceWorld
) -> None:
    wanted = [(s.agreement, s.gross_minor) for s in world.statements()]
    assert [(one["agreement"], one["gross_minor"]) for one in rows(whole, "own/statements")] == wanted
    with (whole / "own/statements.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [round(float(row["gross"]) * 100) for row in table] == [gross for _, gross in wanted]
    with (whole / "own/statement_lines.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(len(statement.lines) for statement in world.statements())
    assert all(line["text_zh"] and line["text_en"] for line in lines)


def test_own_is_what_one_signed_or_what_names_one(whole: Path) -> None:
    assert {row["body"]["member"] for row in rows(whole, "own/transactions")} == {"plant"}
    assert all('"plant"' in json.dumps(row["event"]) for row in rows(whole, "own/events"))
    members = {row["key"]["member"]: row["own"] for row in rows(whole, "records/consortium.members")}
    assert members["plant"] is True
    assert members["bank"] is False
    keys = rows(whole, "records/kernel.keys")
    assert {row["key"]["member"] for row in keys if row["own"]} == {"plant"}


def test_every_record_of_every_table_is_in_the_export(whole: Path, world: EvidenceWorld) -> None:
    with world.consortium.node.reader().snapshot() as reading:
        for table in reading.registry.tables:
            there = reading.records(table, b"", 10_000)
            assert len(rows(whole, f"records/{table}")) == len(there)
            assert [json.loads(value) for _, value in there] == [
                row["record"] for row in rows(whole, f"records/{table}")
            ]


def test_another_member_gets_its_own_view_without_readings(world: EvidenceWorld, tmp_path: Path) -> None:
    exported(world, tmp_path / "bank", "bank")
    found = read_export.check(tmp_path / "bank")
    assert (found["statements"], found["readings"]) == (0, 0)
    assert not (tmp_path / "bank" / "readings").exists()
    assert {row["body"]["member"] for row in rows(tmp_path / "bank", "own/transactions")} <= {"bank"}


def test_a_folder_that_exists_is_never_touched(world: EvidenceWorld, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(errors_operate.ExportTaken):
        exported(world, tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "keep"


def test_an_unknown_member_leaves_no_folder(world: EvidenceWorld, tmp_path: Path) -> None:
    with pytest.raises(errors_operate.MemberUnknown):
        exported(world, tmp_path / "nobody", "nobody")
    assert list(tmp_path.iterdir()) == []


# What the reader must find. Each change is made good in the manifest, as a forger would.


def changed_line(name: str, number: int, change: Callable[[Any], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        lines = path.read_bytes().splitlines(keepends=True)
        value = json.loads(lines[number])
        change(value)
        lines[number] = read_export.canonical(value) + b"\n"
        path.write_bytes(b"".join(lines))

    return apply


def forge(folder: Path, change: Callable[[Path], None]) -> None:
    """Change a file and give the manifest the hashes of what is there now."""
    change(folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for entry in manifest["files"]:
        data = (folder / entry["path"]).read_bytes()
        entry |= {"bytes": len(data), "sha256": read_export.sha256(data).hexdigest()}
        if "rows" in entry:
            entry["rows"] = data.count(b"\n")
    (folder / "manifest.json").write_bytes(read_export.canonical(manifest))


def first_with(folder: Path, name: str, wanted: Callable[[Any], bool]) -> int:
    return next(number for number, row in enumerate(rows(folder, name)) if wanted(row))


def drop_last(name: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))

    return apply


FORGERIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "another amount": (
        changed_line("own/statements.jsonl", 0, lambda one: one.update(gross_minor=one["gross_minor"] + 1)),
        "lines' sum",
    ),
    "a transaction changed": (
        changed_line(
            "ledger/blocks.jsonl", 2, lambda one: one["transactions"][0]["body"].update(sequence=99)
        ),
        "transactions do not fit",
    ),
    "an event changed": (
        changed_line("ledger/blocks.jsonl", 2, lambda one: one["events"][0].update(_type="kernel.other")),
        "events do not fit",
    ),
    "an outcome changed": (
        changed_line("ledger/blocks.jsonl", 2, lambda one: one["outcomes"][0].update(code="kernel.other")),
        "outcomes do not fit",
    ),
    "a leaf changed": (
        changed_line("ledger/blocks.jsonl", 1, lambda one: one["leaf"].update(state_digest="0" * 64)),
        "not in the log",
    ),
    "the last block left out": (drop_last("ledger/blocks.jsonl"), "blocks, not"),
    "an own transaction left out": (drop_last("own/transactions.jsonl"), "own/transactions"),
    "an own event changed": (
        changed_line("own/events.jsonl", 0, lambda one: one["event"].update(_type="kernel.other")),
        "own/events",
    ),
    "a reading changed": (
        changed_line("readings/readings.jsonl", 0, lambda one: one["reading"].update(value=1)),
        "not the one anchored",
    ),
    "another genesis": (lambda folder: (folder / "genesis.json").write_bytes(b"{}"), "genesis.json"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found_and_named(name: str, copy: Path) -> None:
    change, told = FORGERIES[name]
    forge(copy, change)
    with pytest.raises(read_export.Broken, match=re.escape(told)):
        read_export.check(copy)


def test_the_operators_signature_is_checked(copy: Path) -> None:
    def resign(folder: Path) -> None:
        last = len(rows(folder, "ledger/blocks")) - 1
        signature = {"signature": "A" * 86 + "=="}
        changed_line("ledger/blocks.jsonl", last, lambda one: one["header"].update(signature))(folder)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        manifest["head"] |= signature
        (folder / "manifest.json").write_bytes(read_export.canonical(manifest))

    forge(copy, resign)
    with pytest.raises(read_export.Broken, match="did not sign"):
        read_export.check(copy)


def test_own_signatures_are_checked_when_asked(copy: Path) -> None:
    def other_key(folder: Path) -> None:
        number = first_with(folder, "records/kernel.keys", lambda row: row["key"]["member"] == "plant")
        public = rows(folder, "records/kernel.keys")[0]["record"]["public"]
        assert rows(folder, "records/kernel.keys")[number]["record"]["public"] != public
        for at, row in enumerate(rows(folder, "records/kernel.keys")):
            if row["key"]["member"] == "plant":
                change = changed_line(
                    "records/kernel.keys.jsonl", at, lambda one: one["record"].update(public=public)
                )
                change(folder)

    forge(copy, other_key)
    read_export.check(copy)
    with pytest.raises(read_export.Broken, match="signature"):
        read_export.check(copy, signatures=True)


def test_a_changed_an_added_and_a_missing_file_are_named(copy: Path) -> None:
    (copy / "own" / "more.txt").write_text("?")
    with pytest.raises(read_export.Broken, match=r"own/more\.txt"):
        read_export.check(copy)
    (copy / "own" / "more.txt").unlink()
    (copy / "README.md").write_text("?")
    with pytest.raises(read_export.Broken, match=r"README\.md was changed"):
        read_export.check(copy)
    (copy / "README.md").unlink()
    with pytest.raises(read_export.Broken, match=r"README\.md"):
        read_export.check(copy)


@pytest.mark.parametrize("bad", [b"", b"[]", b"{", b'{"format": 1}', b'{"format":"hansa-export-1"}', b"null"])
def test_a_broken_manifest_never_crashes_the_reader(bad: bytes, copy: Path) -> None:
    (copy / "manifest.json").write_bytes(bad)
    done = subprocess.run([sys.executable, "-I", str(READER), str(copy)], capture_output=True)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_the_readers_signature_check_agrees_with_the_kernels() -> None:
    from hansa.kernel.signatures import ED25519, Signer, verify

    signer, message = Signer(b"7" * 32), b"hello"
    good = signer.sign(message)
    order = read_export.L.to_bytes(32, "little")
    twice = (int.from_bytes(good[32:], "little") + read_export.L).to_bytes(32, "little")
    small = bytes(31) + b"\x80"
    cases = [
        (signer.public, good),
        (signer.public, good[:-1] + bytes((good[-1] ^ 1,))),
        (signer.public, bytes((good[0] ^ 1,)) + good[1:]),
        (signer.public, good[:32] + order),
        (signer.public, good[:32] + twice),
        (signer.public, good[:63]),
        (bytes((1,)) + bytes(31), bytes((1,)) + bytes(63)),
        (small, good),
        (b"\xff" * 32, good),
    ]
    for public, signature in cases:
        expected = verify(ED25519, public, signature, message)
        assert read_export.signed_by(public, ED25519, signature, message) is expected
    assert not read_export.signed_by(signer.public, 2, good, message)


def test_no_cell_starts_a_formula() -> None:
    assert cell_text("=1+1") == "'=1+1"
    assert cell_text("@x") == "'@x"
    assert cell_text(" ＝1+1") == "' ＝1+1"
    assert cell_text(-5) == "-5"
    assert cell_text({"a": 1}) == '{"a":1}'


def test_the_module_can_be_loaded_from_the_example_alone(whole: Path) -> None:
    spec = importlib.util.spec_from_file_location("reader_alone", READER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert next(module.load(whole, "own/statements"))["agreement"] == "lease-1"


# Another operator.


def in_folder(consortium: Consortium, engine: Embedded, folder: Path) -> Path:
    with engine.reader().snapshot() as reading:
        export(InDirectory(encode(consortium.genesis), reading), "bank", folder)
    return folder


def test_the_last_header_is_the_new_operators_once_members_voted_for_another(
    tmp_path: Path,
) -> None:
    consortium = Consortium(tmp_path / "ledger.db")
    decide(consortium, seats(consortium, "maker", "plant", "bank", quorum=3, operator="plant"),
           "maker", "plant", "bank")  # fmt: skip
    changed = consortium.node.height
    assert (
        read_export.check(in_folder(consortium, consortium.node, tmp_path / "at-change"))["height"] == changed
    )
    new = taken_over(consortium, tmp_path / "plant" / "ledger.db")
    consortium.clock.advance(minutes=1)
    new.submit([consortium.client("bank").sign(Attest(table="consortium.members", key=("bank",)))])
    folder = in_folder(consortium, new, tmp_path / "out")
    assert read_export.check(folder)["height"] == changed + 1
    new.close()

    def resigned(number: int, by: str) -> None:
        """A line whose header another key signs."""

        def sign(line: Any) -> None:
            header = read_export.canonical(line["header"]["header"])
            made = signer(by, "node").sign(b"hansa-header-1\x00" + header)
            line["header"]["signature"] = base64.b64encode(made).decode()

        def change(at: Path) -> None:
            changed_line("ledger/blocks.jsonl", number, sign)(at)
            manifest = json.loads((at / "manifest.json").read_bytes())
            manifest["head"] = rows(at, "ledger/blocks")[-1]["header"]
            (at / "manifest.json").write_bytes(read_export.canonical(manifest))

        forge(folder, change)

    resigned(changed, "maker")
    with pytest.raises(read_export.Broken, match="did not sign the last header"):
        read_export.check(folder)
    resigned(changed, "plant")
    read_export.check(folder)
    resigned(changed - 1, "plant")
    with pytest.raises(read_export.Broken, match="did not sign the change"):
        read_export.check(folder)
    consortium.close()


def test_a_successor_without_a_vote_is_the_cosigners_word(tmp_path: Path) -> None:
    (tmp_path / "maker").mkdir()
    old = succeeding.founded(tmp_path)
    new = succeeding.took_over(old, succeeding.signed(succeeding.succession(old), *succeeding.QUORUM))
    folder = in_folder(old, new, tmp_path / "out")
    assert read_export.check(folder)["height"] == new.height
    seats_of = {one.member: base64.b64encode(one.public).decode() for one in old.genesis.cosigners}
    before = {"public": "", "quorum": 3, "seats": seats_of}
    line = rows(folder, "ledger/blocks")[-1]
    assert read_export.check_change(line, before)[0] == seats_of["plant"]
    for spoil, said in (
        (lambda act: act["signatures"].pop(), "no quorum"),
        (lambda act: act["signatures"].__setitem__(0, act["signatures"][1]), "no quorum"),
        (lambda act: act["succession"].update(operator="bank"), "no quorum"),
        (lambda act: act["succession"].update(height=1), "no quorum"),
    ):
        copy = json.loads(json.dumps(line))
        spoil(copy["transactions"][0]["body"]["actions"][0])
        with pytest.raises(read_export.Broken, match=said):
            read_export.check_change(copy, before)
    copy = json.loads(json.dumps(line))
    copy["header"]["signature"] = base64.b64encode(bytes(64)).decode()
    with pytest.raises(read_export.Broken, match="new operator did not sign"):
        read_export.check_change(copy, before)
    new.close()
    old.close()
