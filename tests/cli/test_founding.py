"""`hansa init`: what is written, what is refused, several founders by their cards."""

import hashlib
import json
import os
import stat
import time
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Genesis
from hansa.cli.founding import FoundingCard, SignedFoundingCard, signed_by
from hansa.client import keyfiles
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode_strict
from hansa.kernel.signatures import Signer
from tests.cli.shell import Shell, running
from tests.consortium import uscc
from tests.ports import free_port

COMPANY = (
    "--name-zh",
    "华东机床有限公司",
    "--name-en",
    "East Machines",
    "--size",
    "medium",
    "--role",
    "plant",
)


def company(number: int) -> tuple[str, ...]:
    return (*COMPANY, "--uscc", uscc(number))


def founded(folder: Path) -> Genesis:
    return decode_strict((folder / "genesis.json").read_bytes(), Genesis)


def test_quick_is_one_member_and_a_node_that_starts(shell: Shell, tmp_path: Path) -> None:
    node = tmp_path / "node"
    told = shell.do("init", "--quick", node, "--port", free_port())
    assert hashlib.sha256((node / "genesis.json").read_bytes()).hexdigest() in told.out
    assert sorted(path.name for path in node.iterdir()) == [
        "genesis.json", "ledger.db", "node.key", "node.toml", "signed.db",
    ]  # fmt: skip
    assert founded(node).operator == "me"
    if os.name == "posix":
        assert stat.S_IMODE((node / "node.key").stat().st_mode) == 0o600
    with running(node):
        assert shell.do("member", "list", "--json").json[0]["status"] == "active"


def test_two_trials_are_two_consortia(tmp_path: Path) -> None:
    one, two = Shell(tmp_path / "one"), Shell(tmp_path / "two")
    one.do("init", "--quick", tmp_path / "a")
    two.do("init", "--quick", tmp_path / "b")
    numbers = {founded(tmp_path / name).members[0].registration for name in ("a", "b")}
    assert len(numbers) == 2


def test_a_directory_is_never_founded_twice(shell: Shell, tmp_path: Path) -> None:
    shell.do("init", "--quick", tmp_path / "node")
    before = {path.name: path.read_bytes() for path in (tmp_path / "node").iterdir()}
    shell.refused("cli.directory_taken", "init", "--quick", tmp_path / "node", "--profile", "other")
    assert {path.name: path.read_bytes() for path in (tmp_path / "node").iterdir()} == before


def test_nothing_is_written_where_the_profile_is_taken(shell: Shell, tmp_path: Path) -> None:
    shell.do("init", "--quick", tmp_path / "node")
    shell.refused("profile.taken", "init", "--quick", tmp_path / "second")
    shell.refused("profile.name", "init", "--quick", tmp_path / "second", "--profile", "A/B")
    assert not (tmp_path / "second").exists()


def test_a_dry_run_writes_nothing(shell: Shell, tmp_path: Path) -> None:
    recovery = tmp_path / "cold.pem"
    shown = shell.do(
        "init", tmp_path / "node", "--id", "maker", *company(0), "--dry-run", "--recovery", recovery
    ).json
    assert [key["kind"] for key in shown["members"][0]["keys"]] == ["person", "recovery"]
    assert shown["members"][0]["registration"] == {"kind": "uscc", "number": uscc(0)}
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_it_asks_for_yes(shell: Shell, tmp_path: Path) -> None:
    shell.refused("cli.not_confirmed", "init", tmp_path / "node", "--id", "maker", *company(0))
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("cli.wrong_use", ("--size", "small", "--role", "bank", "--uscc", uscc(0))),
        ("cli.wrong_use", ("--name-en", "A", "--size", "small", "--role", "bank")),
        ("cli.wrong_use", ("--name-en", "A", "--size", "small", "--uscc", uscc(0))),
        ("cli.wrong_use", (*COMPANY, "--uscc", uscc(0), "--lei", "x")),
        ("consortium.uscc_invalid", (*COMPANY, "--uscc", "91310000000000000X")),
        ("consortium.lei_invalid", (*COMPANY, "--lei", "HANSATRYOUT000000000")),
        ("consortium.parameter_unknown", (*company(0), "--parameter", "rubbish=1")),
        ("consortium.parameter_out_of_range", (*company(0), "--parameter", "ballot_days=0")),
        ("cli.wrong_use", (*company(0), "--parameter", "ballot_days=x")),
        ("cli.wrong_use", (*company(0), "--licence", "rubbish:file")),
        ("cli.file_unusable", (*company(0), "--charter", "/nowhere/charter.pdf")),
        ("cli.file_unusable", (*company(0), "--card", "/nowhere/card.json")),
        ("kernel.malformed", (*company(0), "--id", "NOT AN ID", "--profile", "p")),
    ],
)
def test_what_cannot_be_founded_is_refused_before_anything_is_written(
    shell: Shell, tmp_path: Path, code: str, options: tuple[str, ...]
) -> None:
    shell.refused(code, "init", tmp_path / "node", "--id", "maker", *options, "--yes")
    assert not (tmp_path / "node").exists()
    assert not shell.home.exists()


def test_several_found_by_their_cards(shell: Shell, tmp_path: Path) -> None:
    licence = tmp_path / "licence.pdf"
    licence.write_bytes(b"licence")
    charter = tmp_path / "charter.pdf"
    charter.write_bytes(b"charter")
    for number, name in enumerate(("plant", "bank", "auditor"), 1):
        Shell(tmp_path / name).do(
            "member", "card", "--founding", "--id", name, "--data", tmp_path / f"{name}-keys",
            *company(number), "--licence", f"business:{licence}:2030-01-01",
            "--recovery", tmp_path / f"{name}-cold.pem", "-o", tmp_path / f"{name}.json",
        )  # fmt: skip
    cards = [part for name in ("plant", "bank", "auditor") for part in ("--card", tmp_path / f"{name}.json")]
    port = free_port()
    shell.do(
        "init", tmp_path / "node", "--id", "maker", *company(0), *cards, "--charter", charter,
        "--parameter", "ballot_days=3", "--consortium-en", "East Line", "--port", port, "--yes",
    )  # fmt: skip
    genesis = founded(tmp_path / "node")
    assert [member.id for member in genesis.members] == ["maker", "plant", "bank", "auditor"]
    assert ([seat.member for seat in genesis.cosigners], genesis.quorum) == (
        ["maker", "plant", "bank", "auditor"], 3,
    )  # fmt: skip
    assert genesis.charter_sha256 == hashlib.sha256(b"charter").hexdigest()
    assert genesis.members[1].licences[0].sha256 == hashlib.sha256(b"licence").hexdigest()
    with running(tmp_path / "node"):
        plant = Shell(tmp_path / "plant")
        plant.do(
            "profile", "add", "plant", "--url", f"http://127.0.0.1:{port}", "--member", "plant",
            "--genesis", tmp_path / "node" / "genesis.json", "--key-file", tmp_path / "plant-keys" / "k1.pem",
        )  # fmt: skip
        assert len(plant.do("member", "list", "--json").json) == 4
        plant.do("attest", "consortium.members", "plant", "--yes")


def test_a_card_that_was_changed_founds_nothing(shell: Shell, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    shell.do(
        "member", "card", "--founding", "--id", "plant", "--data", tmp_path / "keys", *company(1), "-o", card
    )
    whole = decode_strict(card.read_bytes(), SignedFoundingCard)
    assert encode(whole) == card.read_bytes()
    text = card.read_text()
    for changed in (
        text.replace("East Machines", "West Machines"),
        text.replace('"id":"plant"', '"id":"rival"'),
        text[:100],
        "{}",
        json.dumps({"card": 1}),
    ):
        card.write_text(changed)
        shell.refused(
            "cli.card_wrong", "init", tmp_path / "node", "--id", "maker", *company(0), "--card", card, "--yes"
        )
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize("which", ["k1", "recovery", "cosigner"])
def test_nobody_founds_with_a_key_that_it_does_not_hold(shell: Shell, tmp_path: Path, which: str) -> None:
    """Signed by all the keys that it has, but one of them is another's."""
    card = tmp_path / "card.json"
    cold = tmp_path / "cold.pem"
    shell.do(
        "member", "card", "--founding", "--id", "plant", "--data", tmp_path / "keys", *company(1),
        "--recovery", cold, "-o", card,
    )  # fmt: skip
    whole = decode_strict(card.read_bytes(), SignedFoundingCard)
    assert len(whole.signatures) == 3
    another = Signer(b"another".ljust(32, b".")).public
    member = whole.card.member
    keys = tuple(replace(key, public=another) if key.id == which else key for key in member.keys)
    cosigner = another if which == "cosigner" else whole.card.cosigner
    claimed = FoundingCard(member=replace(member, keys=keys), cosigner=cosigner)
    private = [
        keyfiles.read_key(path)
        for path in (tmp_path / "keys" / "k1.pem", cold, tmp_path / "keys" / "node.key")
    ]
    for signed in (signed_by(claimed, private), signed_by(whole.card, private[:2])):
        card.write_bytes(encode(signed))
        shell.refused(
            "cli.card_wrong", "init", tmp_path / "node", "--id", "maker", *company(0), "--card", card, "--yes"
        )
    card.write_bytes(encode(signed_by(whole.card, private)))
    shell.do("init", tmp_path / "node", "--id", "maker", *company(0), "--card", card, "--yes")


def test_a_card_is_not_written_over_a_file(shell: Shell, tmp_path: Path) -> None:
    card = tmp_path / "card.json"
    card.write_text("mine")
    shell.refused(
        "cli.file_taken",
        "member", "card", "--founding", "--id", "plant", "--data", tmp_path / "keys", *company(1), "-o", card,
    )  # fmt: skip
    shell.refused("cli.wrong_use", "member", "card", "--founding", *company(1), "-o", tmp_path / "other.json")
    assert card.read_text() == "mine"
    assert not (tmp_path / "keys").exists()


def test_a_sealed_profile_asks_for_its_passphrase(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyfiles.argon2id, "OPSLIMIT_MODERATE", keyfiles.argon2id.OPSLIMIT_MIN)
    monkeypatch.setattr(keyfiles.argon2id, "MEMLIMIT_MODERATE", keyfiles.argon2id.MEMLIMIT_MIN)
    port = free_port()
    shell.do("init", "--quick", tmp_path / "node", "--seal", "--port", port, HANSA_PASSPHRASE="one")
    with running(tmp_path / "node"):
        shell.refused("key.sealed", "member", "list")
        shell.refused("key.passphrase_wrong", "member", "list", HANSA_PASSPHRASE="two")
        shell.do("member", "list", HANSA_PASSPHRASE="one")


def test_a_licence_ends_when_it_says(shell: Shell, tmp_path: Path) -> None:
    licence = tmp_path / "licence.pdf"
    licence.write_bytes(b"x")
    shown = shell.do(
        "init",
        tmp_path / "node",
        "--id",
        "maker",
        *company(0),
        "--dry-run",
        "--licence",
        f"business:{licence}:+30d",
    ).json
    left_ms = shown["members"][0]["licences"][0]["expires_ms"] - time.time_ns() // 1_000_000
    assert 29 * 86_400_000 < left_ms <= 30 * 86_400_000
