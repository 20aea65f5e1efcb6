"""Companies that join, vote, rotate and lose keys, approve, follow, leave: by commands alone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.client import profiles
from hansa.client.keyfiles import parse_public, public_of
from tests.cli.shell import Shell, running
from tests.consortium import uscc
from tests.ports import free_port

MEMBERS = ("maker", "plant", "bank")


class Town:
    """Three founders, each with a home; the maker's node runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.shells = {name: Shell(folder / name) for name in MEMBERS}
        cards: list[object] = []
        for name in MEMBERS[1:]:
            self.shells[name].do(
                "member", "card", "--founding", "--id", name, "--data", folder / f"{name}-keys",
                *self.company(name), "--recovery", folder / f"{name}-cold.pem", "-o", folder / f"{name}.json",
            )  # fmt: skip
            cards += ["--card", folder / f"{name}.json"]
        self.shells["maker"].do(
            "init",
            folder / "node",
            "--id",
            "maker",
            *self.company("maker"),
            *cards,
            "--port",
            self.port,
            "--yes",
        )

    @property
    def genesis(self) -> Path:
        return self.folder / "node" / "genesis.json"

    def company(self, name: str) -> tuple[str, ...]:
        number = (*MEMBERS, "joiner").index(name)
        return ("--name-en", f"East {name}", "--uscc", uscc(number), "--size", "small", "--role", "plant")

    def join(self) -> None:
        for name in MEMBERS[1:]:
            self.add_profile(self.shells[name], name, self.folder / f"{name}-keys" / "k1.pem")

    def card(self, folder: Path, member: str, name: str) -> dict[str, object]:
        """A new key of a member, as it is put to the vote."""
        shell = Shell(folder / "by-vote")
        self.add_profile(shell, member)
        shell.do("key", "new", name)
        card = json.loads(shell.do("key", "export", name, "--card").out)
        fields = {"holder": f"{member}-9", "kind": "person", "scopes": ["*"]}
        return {**card, **fields, "expires_ms": (int(time.time()) + 86_400) * 1_000}

    def add_profile(self, shell: Shell, name: str, key_file: Path | None = None) -> None:
        given = () if key_file is None else ("--key-file", key_file)
        shell.do(
            "profile", "add", name, "--url", f"http://127.0.0.1:{self.port}", "--member", name,
            "--genesis", self.genesis, *given,
        )  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    with running(made.folder / "node"):
        made.join()
        yield made


def status_of(shell: Shell, member: str) -> str:
    return {each["id"]: each["status"] for each in shell.do("member", "list", "--json").json}.get(member, "")


def test_a_company_joins_by_its_card_and_the_members_votes(town: Town, tmp_path: Path) -> None:
    maker, plant, bank = (town.shells[name] for name in MEMBERS)
    joiner = Shell(tmp_path / "joiner")
    town.add_profile(joiner, "joiner")
    joiner.refused("kernel.unknown_key", "member", "list")  # Nobody knows it yet.
    card = tmp_path / "card.json"
    joiner.do("member", "card", *town.company("joiner"), "--recovery", tmp_path / "cold.pem", "-o", card)

    proposed = maker.do("member", "propose", card, "--id", "admit-joiner", "--yes")
    assert "admit-joiner" in proposed.out
    assert "adopted" not in maker.do("vote", "cast", "admit-joiner", "yes", "--yes").out
    maker.refused("consortium.voted_already", "vote", "cast", "admit-joiner", "no", "--yes")
    assert "adopted" in plant.do("vote", "cast", "admit-joiner", "yes", "--yes").out
    listed = bank.do("vote", "list", "--state", "adopted", "--json").json
    assert [each["id"] for each in listed] == ["admit-joiner"]
    shown = bank.do("vote", "show", "admit-joiner").json
    assert [each["member"] for each in shown["votes"]] == ["maker", "plant"]
    assert "East joiner" in bank.do("vote", "list").out
    assert bank.do("vote", "list", "--csv").out.startswith("id,what,does")

    assert status_of(joiner, "joiner") == "active"
    assert [each["id"] for each in joiner.do("key", "list", "--json").json] == ["k1", "recovery"]
    joiner.do("attest", "consortium.members", "joiner", "--yes")

    joiner.do("member", "update", "--role", "bank", "--node-url", "https://joiner.example", "--yes")
    told = joiner.do("member", "show").json
    assert (told["roles"], told["node_url"], told["size"]) == (["bank"], "https://joiner.example", "small")
    joiner.do("member", "leave", "--yes")
    assert status_of(maker, "joiner") == "left"


def test_a_card_that_was_changed_admits_nobody(town: Town, tmp_path: Path) -> None:
    other = Shell(tmp_path / "other")
    town.add_profile(other, "other")
    card = tmp_path / "card.json"
    company = ("--name-en", "Other", "--uscc", uscc(9), "--size", "small", "--role", "plant")
    other.do("member", "card", *company, "-o", card)
    text = card.read_text()
    card.write_text(text.replace('"name_en":"Other"', '"name_en":"Another"'))
    town.shells["maker"].refused("consortium.card_signature", "vote", "propose", "admit", card, "--yes")
    for rubbish in ("", "{}", "[]"):
        card.write_text(rubbish)
        town.shells["maker"].refused("cli.file_unusable", "vote", "propose", "admit", card, "--yes")


def test_parameters_members_and_rules_are_put_to_the_vote(town: Town) -> None:
    maker, plant = town.shells["maker"], town.shells["plant"]
    maker.do("vote", "propose", "parameter", "ballot_days", 20, "--id", "days", "--yes")
    maker.do("vote", "cast", "days", "yes", "--yes")
    plant.do("vote", "cast", "days", "yes", "--yes")
    values = {
        each["name"]: each["value"]
        for each in maker.do("get", "consortium.parameters", "--json").json["value"]
    }
    assert values["ballot_days"] == 20

    maker.refused("consortium.still_cosigner", "vote", "propose", "suspend", "bank", "--yes")
    maker.do("vote", "propose", "parameter", "ballot_days", 9, "--id", "s1", "--yes")
    maker.do("vote", "withdraw", "s1", "--yes")
    maker.do("vote", "propose", "parameter", "ballot_days", 5, "--id", "short", "--yes")
    plant.do("vote", "cast", "short", "no", "--yes")
    town.shells["bank"].do("vote", "cast", "short", "no", "--yes")
    states = {each["id"]: each["proposal"]["state"] for each in maker.do("vote", "list", "--json").json}
    assert (states["s1"], states["short"]) == ("withdrawn", "rejected")

    shown = maker.do("vote", "propose", "expel", "bank", "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["subject"] == {"_type": "expel", "member": "bank"}
    shown = maker.do("vote", "propose", "reinstate", "bank", "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["subject"]["_type"] == "reinstate"
    shown = maker.do(
        "vote",
        "propose",
        "amend",
        "bank",
        "--name-zh",
        "新",
        "--name-en",
        "New",
        "--uscc",
        uscc(5),
        "--dry-run",
        "--json",
    ).json
    assert shown["body"]["actions"][0]["subject"]["registration"] == {"kind": "uscc", "number": uscc(5)}
    shown = maker.do("vote", "propose", "rules", 3, "--height", 900, "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["subject"] == {"_type": "rules", "version": 3, "height": 900}
    shown = maker.do(
        "vote", "propose", "room", "toolcrib", "--version", "1", "--sha256", "ab" * 32, "--dry-run", "--json"
    ).json
    assert shown["body"]["actions"][0]["subject"]["room"]["name"] == "toolcrib"
    shown = maker.do("vote", "propose", "room-off", "toolcrib", "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["subject"] == {"_type": "room_off", "name": "toolcrib"}
    maker.refused("cli.wrong_use", "vote", "show", "nothing")


def test_the_cosigners_change_by_vote(town: Town, tmp_path: Path) -> None:
    maker, plant, bank = (town.shells[name] for name in MEMBERS)
    seat = tmp_path / "seat.json"
    seat.write_text(bank.do("vote", "seat", town.folder / "bank-keys").out)
    keep = ("--keep", "maker", "--keep", "plant")
    maker.do("vote", "propose", "cosigners", *keep, "--quorum", 2, "--id", "two", "--yes")
    maker.do("vote", "cast", "two", "yes", "--yes")
    plant.do("vote", "cast", "two", "yes", "--yes")
    now = maker.do("get", "consortium.cosigners", "--json").json["value"]
    assert [each["member"] for each in now["cosigners"]] == ["maker", "plant"]
    maker.refused("cli.wrong_use", "vote", "propose", "cosigners", "--keep", "bank", "--quorum", 1, "--yes")
    shown = maker.do(
        "vote", "propose", "cosigners", *keep, "--seat", seat, "--quorum", 2, "--dry-run", "--json"
    ).json
    assert [each["member"] for each in shown["body"]["actions"][0]["subject"]["seats"]] == list(MEMBERS)
    maker.do("vote", "propose", "cosigners", *keep, "--seat", seat, "--quorum", 2, "--id", "three", "--yes")


def test_a_key_is_made_registered_rotated_revoked(town: Town, tmp_path: Path) -> None:
    plant = town.shells["plant"]
    here = profiles.find("plant", plant.home)
    public = plant.do("key", "new", "clerk").out
    assert parse_public(public) == public_of(here.key_file("clerk"))
    plant.refused("key.taken", "key", "new", "clerk")
    plant.do("key", "add", "clerk", "--scope", "billing.*", "--holder", "p7", "--expires", "+90d", "--yes")
    keys = {each["id"]: each for each in plant.do("key", "list", "--json").json}
    assert (keys["clerk"]["holder"], keys["clerk"]["scopes"]) == ("p7", ["billing.*"])
    plant.do("key", "revoke", "clerk", "--yes")
    table = plant.do("key", "list", "--csv").out.splitlines()
    assert any(line.startswith("clerk,person,p7,billing.*,") and ",revoked," in line for line in table)
    assert "已吊销" in plant.do("--lang", "zh", "key", "list").out

    # A key that lies on another machine comes by its card.
    gateway = Shell(tmp_path / "gateway")
    gateway.do(
        "profile", "add", "g", "--url", f"http://127.0.0.1:{town.port}", "--member", "plant", "--key", "gw",
        "--genesis", town.genesis,
    )  # fmt: skip
    card = tmp_path / "card.json"
    card.write_text(gateway.do("key", "export", "--card").out)
    plant.refused("cli.wrong_use", "key", "add", "other", "--card", card, "--yes")
    plant.do("key", "add", "--card", card, "--kind", "gateway", "--scope", "metering.*", "--yes")
    assert gateway.do("member", "list").status == 0
    card.write_text(card.read_text().replace('"id": "gw"', '"id": "gw2"'))
    plant.refused("consortium.public_taken", "key", "add", "--card", card, "--kind", "gateway", "--yes")
    plant.refused("cli.wrong_use", "key", "add", "--yes")

    # Rotation: the profile goes over, and the old key still serves for a while.
    plant.do("key", "rotate", "k2", "--overlap", 3, "--yes")
    assert here.profile().key == "k2"
    plant.do("attest", "consortium.members", "plant", "--yes")
    plant.do("profile", "set", "plant", "--key", "k1")
    plant.do("attest", "consortium.members", "plant", "--yes")
    plant.do("profile", "set", "plant", "--key", "k2")
    plant.refused("cli.wrong_use", "key", "rotate", "k3", "--replaces", "nothing", "--yes")
    plant.do("key", "revoke", "k2", "--yes")
    assert here.profile().key == "k1"
    assert "PRIVATE KEY" in plant.do("key", "export", "k1", "--secret").out
    assert "PUBLIC KEY" in plant.do("key", "export", "k1").out


def test_a_lost_key_is_recovered_by_the_cold_one(town: Town) -> None:
    bank = town.shells["bank"]
    here = profiles.find("bank", bank.home)
    bank.do(
        "key", "recover", "--recovery-key", "recovery", "--file", town.folder / "bank-cold.pem",
        "--revoke", "k1", "--new", "k9", "--yes",
    )  # fmt: skip
    assert here.profile().key == "k9"
    bank.do("attest", "consortium.members", "bank", "--yes")
    keys = {each["id"]: each for each in bank.do("key", "list", "--json").json}
    assert keys["k1"]["revoked_ms"] > 0
    assert keys["k9"]["scopes"] == ["*"]


def test_a_dry_run_makes_no_key(town: Town) -> None:
    plant = town.shells["plant"]
    here = profiles.find("plant", plant.home)
    for command in (
        ("key", "add", "draft"),
        ("key", "rotate", "draft"),
        ("key", "recover", "--recovery-key", "k1", "--new", "draft", "--next", "draft-2"),
    ):
        shown = plant.do(*command, "--dry-run", "--json").json["body"]["actions"][0]
        registered = shown["key"] if "key" in shown else shown["keys"][0]
        assert registered["id"] == "draft"
        assert not here.key_file("draft").exists()
        assert not here.key_file("draft-2").exists()


def test_a_recovery_by_vote_waits_and_its_member_objects(town: Town, tmp_path: Path) -> None:
    maker, plant = town.shells["maker"], town.shells["plant"]
    new = [town.card(tmp_path, "bank", "by-vote")]
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(new))
    maker.do("vote", "propose", "recover", "bank", "--keys", keys, "--id", "rescue", "--yes")
    maker.do("vote", "cast", "rescue", "yes", "--yes")
    told = plant.do("vote", "cast", "rescue", "yes", "--yes").out
    assert "is now: notice" in told
    assert "unless the member that it is about objects" in told
    assert "公示中" in maker.do("--lang", "zh", "vote", "list").out
    plant.refused("consortium.not_about_you", "vote", "object", "rescue", "--yes")
    town.shells["bank"].do("vote", "object", "rescue", "--yes")
    assert maker.do("vote", "show", "rescue").json["proposal"]["state"] == "objected"


def test_a_recovery_replaces_the_recovery_key_and_may_bind_it_to_rules(town: Town) -> None:
    bank = town.shells["bank"]
    here = profiles.find("bank", bank.home)
    held = ("key", "recover", "--recovery-key", "cold-2", "--new", "k12", "--yes")
    bank.do("key", "add", "b2", "--holder", "bank-2", "--scope", "*", "--yes")
    bank.do("approve", "set", "billing.accept", "--holders", 2, "--yes")
    bank.do(
        "key", "recover", "--recovery-key", "recovery", "--file", town.folder / "bank-cold.pem",
        "--new", "k11", "--next", "cold-2", "--guarded", "--yes",
    )  # fmt: skip
    told = bank.do(*held)
    assert "unless two holders reject it" in told.err
    assert here.profile().key == "k11"
    (waiting,) = bank.do("approve", "list", "--json").json
    assert waiting["held"]["tags"] == ["consortium.recover"]
    gate = ("--kind", "gateway", "--scope", "metering.*", "--yes")
    bank.refused("consortium.recovery_waits", "key", "add", "b3", *gate)
    for key in ("b2", "k11"):
        bank.do("profile", "set", "bank", "--key", key)
        bank.do("approve", "reject", waiting["transaction"][:12], "--yes")
    assert bank.do("approve", "list", "--json").json == []


def test_what_needs_two_holders_waits_for_the_second(town: Town, tmp_path: Path) -> None:
    maker = town.shells["maker"]
    second = Shell(tmp_path / "second")
    second.do(
        "profile", "add", "s", "--url", f"http://127.0.0.1:{town.port}", "--member", "maker", "--key", "boss",
        "--genesis", town.genesis,
    )  # fmt: skip
    card = tmp_path / "card.json"
    card.write_text(second.do("key", "export", "--card").out)
    maker.do("key", "add", "--card", card, "--holder", "boss-1", "--scope", "*", "--yes")
    maker.do("approve", "set", "consortium.attest", "--holders", 2, "--yes")
    attest = ("tx", "consortium.attest", "--table", "consortium.members", "--key", "maker", "--yes", "--json")
    assert "consortium.attest,2,7,," in maker.do("approve", "rules", "--csv").out
    assert maker.do("approve", "rules", "--json").json[0]["action"] == "consortium.attest"

    told = maker.do(*attest)
    name = told.json["transaction"]
    assert "no effect yet: 2 holders" in told.err
    assert name in maker.do("approve", "list", "--csv").out
    waiting = second.do("approve", "list", "--json").json
    assert waiting[0]["actions"][0]["_type"] == "consortium.attest"
    second.refused("cli.wrong_use", "approve", "approve", "ffff", "--yes")
    second.do("approve", "approve", name[:10], "--yes")
    assert second.do("approve", "list", "--json").json == []
    lines = [json.loads(line) for line in maker.do("events", "--type", "kernel.attested").out.splitlines()]
    assert lines[-1]["data"]["key"] == ["maker"]

    told = maker.do(*attest)
    second.do("approve", "reject", told.json["transaction"], "--yes")
    assert maker.do("approve", "list", "--json").json == []
    maker.do("approve", "remove", "consortium.attest", "--yes")
    second.do("approve", "approve", second.do("approve", "list", "--json").json[0]["transaction"], "--yes")
    assert maker.do("approve", "rules", "--json").json == []


def test_profiles_are_listed_chosen_shown_changed(town: Town, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    town.add_profile(shell, "one")
    town.add_profile(shell, "two")
    assert "one,✓,one,k1," in shell.do("profile", "list", "--csv").out
    shell.do("profile", "use", "two")
    assert [each["default"] for each in shell.do("profile", "list", "--json").json] == [False, True]
    assert shell.do("profile", "show").json["name"] == "two"
    shell.do("profile", "set", "two", "--url", "https://elsewhere.example", "--allow-plain", "true")
    shown = shell.do("profile", "show", "two").json["profile"]
    assert (shown["url"], shown["allow_plain"], shown["node"]) == ("https://elsewhere.example", True, "maker")
    shell.refused("profile.unknown", "profile", "use", "three")
    shell.refused(
        "profile.taken",
        "profile",
        "add",
        "one",
        "--url",
        "http://x",
        "--member",
        "m",
        "--genesis",
        town.genesis,
    )


def test_a_follower_is_set_up_with_a_key_that_signs_nothing(town: Town, tmp_path: Path) -> None:
    plant = town.shells["plant"]
    folder = tmp_path / "follower"
    plant.do(
        "follow", f"http://127.0.0.1:{town.port}", folder, "--set-up-only", "--port", free_port(), "--yes",
        "--node-key", town.folder / "plant-keys" / "node.key",
    )  # fmt: skip
    keys = {each["id"]: each for each in plant.do("key", "list", "--json").json}
    assert (keys["follower-plant-1"]["kind"], keys["follower-plant-1"].get("scopes", [])) == ("worker", [])
    assert sorted(path.name for path in folder.iterdir()) == [
        "genesis.json",
        "member.key",
        "node.key",
        "node.toml",
    ]
    assert public_of(folder / "node.key") == public_of(town.folder / "plant-keys" / "node.key")
    assert profiles.find("plant", plant.home).profile().follower.startswith("http://127.0.0.1:")
    with running(folder):
        plant.do("attest", "consortium.members", "plant", "--yes")


def test_a_set_up_that_broke_off_goes_on_with_the_same_key(town: Town, tmp_path: Path) -> None:
    maker = town.shells["maker"]
    folder = tmp_path / "follower"
    set_up = ("follow", f"http://127.0.0.1:{town.port}", folder, "--set-up-only", "--yes")
    maker.do(*set_up)
    public = public_of(folder / "member.key")
    for name in ("node.toml", "genesis.json"):
        (folder / name).unlink()
    maker.do(*set_up)
    assert public_of(folder / "member.key") == public
    keys = [each["id"] for each in maker.do("key", "list", "--json").json]
    assert keys.count("follower-maker-1") == 1


def test_a_follower_may_begin_with_a_snapshot(town: Town, tmp_path: Path) -> None:
    bank = town.shells["bank"]
    folder = tmp_path / "follower"
    bank.do("follow", f"http://127.0.0.1:{town.port}", folder, "--set-up-only", "--yes")
    nowhere = tmp_path / "nowhere"
    again = ("follow", f"http://127.0.0.1:{town.port}", folder, "--snapshot", nowhere)
    bank.refused("engine.snapshot_broken", *again)
    bank.refused("cli.wrong_use", *again, "--dry-run")
