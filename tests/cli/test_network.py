"""`hansa network`: founding on four machines, joining by invitation; nothing is written until all is well."""

import hashlib
import json
import os
import shutil
import socket
import stat
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.messages_votes import Admit
from hansa.apps.rooms import release
from hansa.cli.network_join import YOUNG_BLOCKS, _a_block
from hansa.client.keyfiles import public_of, read_key
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import Commit, Seat, header_hash, ordered
from hansa.node import errors_joining as errors
from hansa.node import settings
from hansa.node.joining_cards import FoundingFile
from hansa.node.joining_engine import status
from hansa.node.joining_invitation import NODES_MAX, Invitation, InvitedNode, chain_of
from hansa.node.supervision_checks import held
from tests.cli.shell import Shell
from tests.consortium import uscc
from tests.engine_double import FakeNode, asking, commit_at, hash_of, serving
from tests.ports import free_port

FOUNDERS = ("bank", "maker", "plant", "auditor")


def company(number: int) -> tuple[str, ...]:
    return ("--name-zh", f"公司{number}", "--size", "small", "--role", "plant", "--uscc", uscc(number))


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four companies, each with a folder of its own; the cards lie in one place."""
    folder = tmp_path_factory.mktemp("founders")
    for number, member in enumerate(FOUNDERS):
        Shell(folder / member / "home").do(
            "network", "card", folder / member / "node", "--id", member, *company(number),
            "--address", f"{member}.example:26656", "--node-url", f"https://{member}.example",
            "-o", folder / f"{member}.json",
        )  # fmt: skip
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def options(folder: Path) -> list[object]:
    return [each for member in FOUNDERS for each in ("--card", folder / f"{member}.json")]


@pytest.fixture(scope="module")
def founding(cards: Path) -> Path:
    Shell(cards / "home").do("network", "create", cards / "founding.json", *options(cards))
    return cards / "founding.json"


def test_four_companies_found_a_network_each_on_its_own_machine(cards: Path, founding: Path) -> None:
    said = set()
    for member in FOUNDERS:
        shell = Shell(cards / member / "home")
        told = shell.do("network", "confirm", founding, cards / member / "node", "--yes")
        said.add(next(line for line in told.out.splitlines() if line.startswith("Check number")))
        found = settings.read(cards / member / "node")
        assert (found.role, found.member, len(found.engine.peers)) == ("network", member, 3)
        assert not found.engine.relay_only
        assert shell.do("profile", "show").json["profile"]["member"] == member
    assert len(said) == 1
    chains = {(cards / member / "node" / "genesis.json").read_bytes() for member in FOUNDERS}
    assert len(chains) == 1
    assert decode_strict(chains.pop(), Genesis).is_network


def test_a_card_holds_no_secret_and_the_keys_are_private(cards: Path) -> None:
    node = cards / "maker" / "node"
    for name in ("k1.pem", "member.key", "node.key", "validator.key"):
        secret = (node / name).read_text().splitlines()[1]
        assert secret not in (cards / "maker.json").read_text()
        if os.name == "posix":
            assert stat.S_IMODE((node / name).stat().st_mode) == 0o600


def test_confirming_again_changes_nothing_but_the_settings(cards: Path, founding: Path) -> None:
    shell, node = Shell(cards / "maker" / "home"), cards / "maker" / "node"
    shell.do("network", "confirm", founding, node, "--yes")

    def rest() -> dict[str, bytes]:
        return {name: content for name, content in files(node).items() if "toml" not in name}

    before = rest()
    shell.do("network", "confirm", founding, node, "--yes", "--port", 9_000)
    assert rest() == before
    assert settings.read(node).port == 9_000


def test_what_somebody_set_outlives_a_second_confirm(cards: Path, founding: Path, tmp_path: Path) -> None:
    """The settings that were there are kept beside the new ones, and the profile but for its address."""
    shell = Shell(tmp_path / "home")
    node = Path(shutil.copytree(cards / "plant" / "node", tmp_path / "node"))
    shell.do("network", "confirm", founding, node, "--yes", "--port", 9_100)
    told = shell.do("network", "confirm", founding, node, "--yes", "--port", 9_100)
    assert "node.toml.before" not in told.out
    mine = (node / "node.toml").read_text() + "[limits]\n"
    (node / "node.toml").write_text(mine)
    shell.do("profile", "set", "plant", "--outbox-days", 90)
    told = shell.do("network", "confirm", founding, node, "--yes", "--port", 9_101)
    assert "node.toml.before.1" in told.out, "what was kept the first time is still there"
    assert (node / "node.toml.before.1").read_text() == mine
    assert "port = 8420" in (node / "node.toml.before").read_text()
    profile = shell.do("profile", "show").json["profile"]
    assert (profile["outbox_days"], profile["url"]) == (90, "http://127.0.0.1:9101")


def test_confirming_shows_what_only_the_founding_file_says(cards: Path, tmp_path: Path) -> None:
    """Whoever puts the cards together chooses names, charter and parameters: each founder must see them."""
    charter, made = tmp_path / "charter.txt", tmp_path / "founding.json"
    charter.write_text("All for one.")
    Shell(tmp_path / "home").do(
        "network", "create", made, *options(cards), "--charter", charter, "--consortium-zh", "产能联盟",
        "--parameter", "threshold_admit_bp=5100",
    )  # fmt: skip
    node = Path(shutil.copytree(cards / "plant" / "node", tmp_path / "node"))
    (node / "genesis.json").unlink(missing_ok=True)
    told = Shell(tmp_path / "home2", "zh").do("network", "confirm", made, node, "--yes").err
    assert "产能联盟" in told
    assert "threshold_admit_bp=5100" in told
    assert hashlib.sha256(charter.read_bytes()).hexdigest() in told


def test_a_strangers_folder_confirms_nothing(cards: Path, founding: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home")
    shell.refused("network.no_keys", "network", "confirm", founding, tmp_path / "empty", "--yes")
    assert not (tmp_path / "empty").exists()
    shell.do("network", "card", tmp_path / "node", "--id", "maker", *company(1), "-o", tmp_path / "card.json")
    shell.refused("network.not_founder", "network", "confirm", founding, tmp_path / "node", "--yes")
    assert not (tmp_path / "node" / "genesis.json").exists()


def test_it_asks_before_it_founds(cards: Path, founding: Path, tmp_path: Path) -> None:
    shell, node = Shell(cards / "bank" / "home2"), cards / "bank" / "node"
    before = sorted(path.name for path in node.iterdir())
    shell.refused("cli.not_confirmed", "network", "confirm", founding, node)
    assert sorted(path.name for path in node.iterdir()) == before


def test_a_changed_card_founds_nothing(cards: Path, tmp_path: Path) -> None:
    card = json.loads((cards / "bank.json").read_text())
    card["card"]["address"] = "thief.example:1"
    (tmp_path / "bank.json").write_text(
        json.dumps(card, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    )
    shell = Shell(tmp_path / "home")
    shell.refused(
        "network.card_wrong", "network", "create", tmp_path / "f.json", "--card", tmp_path / "bank.json"
    )
    shell.refused("network.no_cards", "network", "create", tmp_path / "f.json")
    assert not (tmp_path / "f.json").exists()


def test_a_dry_run_shows_the_genesis_file(cards: Path, tmp_path: Path) -> None:
    told = (
        Shell(tmp_path / "home")
        .do("network", "create", tmp_path / "f.json", *options(cards), "--dry-run")
        .json
    )
    assert [each["member"] for each in told["validators"]] == sorted(FOUNDERS)
    assert not (tmp_path / "f.json").exists()


def test_no_file_is_overwritten(cards: Path, founding: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path / "home", "zh")
    before = (cards / "maker.json").read_bytes()
    told = shell.refused(
        "cli.file_taken", "network", "card", tmp_path / "n", "--id", "maker", *company(1), "-o",
        cards / "maker.json",
    )  # fmt: skip
    assert "已存在" in told.err
    shell.refused("cli.file_taken", "network", "create", founding, *options(cards))
    assert (cards / "maker.json").read_bytes() == before
    assert not (tmp_path / "n").exists()


def test_a_port_is_one(cards: Path, founding: Path) -> None:
    for port in (0, 65_536):
        ran = Shell(cards / "maker" / "home")(
            "network", "confirm", founding, cards / "maker" / "node", "--yes", "--port", port
        )
        assert ran.status == 2
        assert "65535" in ran.err


# Joining.


class Inviting:
    """Three members' nodes that answer, and the invitation to them."""

    def __init__(self, founding: Path, folder: Path, stack: ExitStack) -> None:
        self.genesis = decode_strict(founding.read_bytes(), FoundingFile).genesis
        invitation = Invitation(
            genesis=self.genesis, charter_sha256="", inviter="maker", at_ms=1, nodes=(), height=50,
            hash="0" * 64,
        )  # fmt: skip
        self.chain = chain_of(invitation)
        file = decode_strict(self.genesis, Genesis)
        self.seats = ordered(Seat(each.member, each.public, each.power) for each in file.validators)
        keys = (read_key(founding.parent / member / "node" / "validator.key") for member in FOUNDERS)
        self.signers = {key.public: key.signer for key in keys}
        self.invitation = invitation = replace(invitation, hash=self.hash_of(50))
        self.nodes = {
            member: FakeNode(self.chain[:50], height=60 + number, clock_ms=None, commits=self.commit)
            for number, member in enumerate(("bank", "maker", "plant"))
        }
        nodes = tuple(
            InvitedNode(
                member=member,
                url=stack.enter_context(serving(node)),
                peer=f"{'a' * 40}@{stack.enter_context(serving(node)).removeprefix('http://')}",
            )
            for member, node in self.nodes.items()
        )
        self.file = folder / "invitation.json"
        self.file.write_bytes(encode(replace(invitation, nodes=nodes)))

    def commit(self, height: int) -> Commit:
        """The network's block of a height, with the validators' votes."""
        return commit_at(self.chain, height, self.seats, self.signers)

    def hash_of(self, height: int) -> str:
        return header_hash(self.commit(height).header)


@pytest.fixture
def inviting(founding: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inviting]:
    from hansa.node import joining_checks
    from hansa.node.findings import fine

    monkeypatch.setattr(joining_checks, "look_at_engine", lambda: iter([fine("engine", "在", "There.")]))
    with ExitStack() as stack:
        yield Inviting(founding, tmp_path, stack)


def joining(inviting: Inviting, tmp_path: Path, *more: object) -> tuple[object, ...]:
    how = () if "--replay" in more or "--by-age" in more else ("--snapshot",)
    more = tuple(each for each in more if each != "--by-age")
    return (
        "network", "join", inviting.file, tmp_path / "node", "--id", "dairy", *company(7), "--port",
        free_port(), "--listen", f"127.0.0.1:{free_port()}", "--yes", *how, *more,
    )  # fmt: skip


def test_joining_makes_node_card_and_profile(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    told = shell.do(*joining(inviting, tmp_path, "--address", "dairy.example:26656"))
    found = settings.read(tmp_path / "node")
    assert found.engine.sync is not None
    assert (found.engine.sync.height, found.engine.sync.hash) == (60, inviting.hash_of(60))
    assert all(server.endswith("/v1/engine") for server in found.engine.sync.servers)
    assert len(found.engine.peers) == 3
    card = decode_strict((tmp_path / "node" / "card.json").read_bytes(), Admit).card
    assert card.validator is not None
    assert card.validator.public == public_of(tmp_path / "node" / "validator.key")
    assert [key.id for key in card.keys] == ["k1", "node-1"]
    assert "Check number" in told.out
    assert shell.do("profile", "show").json["profile"]["member"] == "dairy"


def test_joining_again_goes_on_with_the_same_keys(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    shell.do(*joining(inviting, tmp_path))
    names = ("k1.pem", "member.key", "node.key", "validator.key", "genesis.json")
    before = {name: (tmp_path / "node" / name).read_bytes() for name in names}
    for node in inviting.nodes.values():
        node.height += 100
    shell.do(*joining(inviting, tmp_path))
    assert {name: (tmp_path / "node" / name).read_bytes() for name in names} == before
    sync = settings.read(tmp_path / "node").engine.sync
    assert sync is not None
    assert sync.height == 160


def test_the_recovery_key_stays_the_same_too(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    cards = []
    for _ in range(2):
        shell.do(*joining(inviting, tmp_path, "--recovery", tmp_path / "cold.pem"))
        cards.append(decode_strict((tmp_path / "node" / "card.json").read_bytes(), Admit).card)
    assert [key.id for key in cards[0].keys] == ["k1", "recovery", "node-1"]
    assert [key.public for key in cards[0].keys] == [key.public for key in cards[1].keys]


def test_a_key_that_is_gone_is_not_made_anew(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    """The members know the former one; a card with another would be of no use, or of another person."""
    shell.do(*joining(inviting, tmp_path))
    (tmp_path / "node" / "k1.pem").rename(tmp_path / "safe.pem")
    shell.refused("key.missing", *joining(inviting, tmp_path))
    (tmp_path / "safe.pem").rename(tmp_path / "node" / "k1.pem")
    shell.do(*joining(inviting, tmp_path))


def test_a_members_node_does_not_become_anothers(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    shell.do(*joining(inviting, tmp_path))
    before = files(tmp_path / "node")
    shell.refused("network.folder_of_another", *joining(inviting, tmp_path), "--id", "cheese")
    shell.refused("network.id_taken", *joining(inviting, tmp_path / "new"), "--id", "maker")
    (tmp_path / "new").mkdir()
    shell.refused("network.id_taken", *joining(inviting, tmp_path / "new"), "--id", "maker")
    assert files(tmp_path / "node") == before


def test_behind_nat_one_member_relays(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    shell.do(*joining(inviting, tmp_path, "--relay", "plant"))
    found = settings.read(tmp_path / "node").engine
    assert found.relay_only
    assert len(found.peers) == 1
    shell.refused("network.no_relay", *joining(inviting, tmp_path, "--relay", "nobody"))


def test_replay_needs_no_trusted_block(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    for member in ("maker", "plant"):
        inviting.nodes[member].catching_up = True
    shell.refused("network.too_few_nodes", *joining(inviting, tmp_path))
    assert not (tmp_path / "node").exists()
    shell.do(*joining(inviting, tmp_path, "--replay"))
    assert settings.read(tmp_path / "node").engine.sync is None


def test_a_young_network_is_replayed_and_an_old_one_is_not(
    inviting: Inviting, shell: Shell, tmp_path: Path
) -> None:
    """A young one may have made no snapshot yet; a node that pruned its first blocks replays to nobody."""
    shell.do(*joining(inviting, tmp_path, "--by-age"))
    assert settings.read(tmp_path / "node").engine.sync is None
    for node in inviting.nodes.values():
        node.height = YOUNG_BLOCKS + 1
    shell.do(*joining(inviting, tmp_path, "--by-age"))
    assert settings.read(tmp_path / "node").engine.sync is not None
    for node in inviting.nodes.values():
        node.height, node.earliest = 90, 40
    shell.do(*joining(inviting, tmp_path, "--by-age"))
    assert settings.read(tmp_path / "node").engine.sync is not None


def test_a_node_that_has_blocks_goes_on_from_there(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    shell.do(*joining(inviting, tmp_path))
    shutil.copy(_ledger_with_a_block(inviting.genesis, tmp_path), tmp_path / "node" / "ledger.db")
    shell.do(*joining(inviting, tmp_path))
    assert settings.read(tmp_path / "node").engine.sync is None


def _ledger_with_a_block(genesis: bytes, folder: Path) -> Path:
    """As a node has it that has joined: one block whose due work, or transaction, left a leaf."""
    path = folder / "with-a-block.db"
    application = Application(path, genesis, lambda: 0, release=release())
    file = decode_strict(genesis, Genesis)
    at_ns = file.created_ms * abci.NS_PER_MS
    powers = tuple(abci.ValidatorUpdate(abci.PublicKey(each.public), each.power) for each in file.validators)
    application.init_chain(
        abci.InitChain(time_ns=at_ns, chain_id=application.chain.id[:50], validators=powers, initial_height=1)
    )
    application.finalize_block(abci.FinalizeBlock(txs=(b"rubbish",), height=1, time_ns=at_ns))
    application.commit(abci.Commit())
    application.close()
    return path


def test_joining_again_while_the_node_runs(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    """Its own ports are no trouble then."""
    port = free_port()
    again = (*joining(inviting, tmp_path), "--port", port)
    shell.do(*again)
    with socket.create_server(("127.0.0.1", port)), held(tmp_path / "node"):
        shell.do(*again)
    with socket.create_server(("127.0.0.1", port)):
        shell.refused("network.cannot_join", *again)


def test_the_engine_is_told_of_a_private_authority(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    told = shell.do(*joining(inviting, tmp_path, "--ca", authority))
    assert f"SSL_CERT_FILE={authority}" in told.out


def test_the_inviter_shows_a_block_that_all_nodes_show() -> None:
    nodes = {url: FakeNode("c" * 50, height=height) for url, height in (("a", 60), ("b", 55))}
    urls = {"maker": "a", "plant": "b"}
    heard = {member: status(asking(nodes), url) for member, url in urls.items()}
    assert _a_block(asking(nodes), urls, heard)[:2] == (55, hash_of(55))
    assert _a_block(asking(nodes), urls, {"maker": heard["maker"]})[:2] == (60, hash_of(60))
    nodes["b"].forked[55] = "f" * 64
    with pytest.raises(errors.NodesDiffer):
        _a_block(asking(nodes), urls, heard)
    with pytest.raises(errors.TooFewNodes):
        _a_block(asking(nodes), urls, {})


def test_nodes_that_differ_stop_it(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    inviting.nodes["bank"].forked[60] = "f" * 64
    shell.refused("network.nodes_differ", *joining(inviting, tmp_path))
    assert not (tmp_path / "node").exists()


def test_nodes_that_prove_nothing_are_believed_by_nobody(
    inviting: Inviting, shell: Shell, tmp_path: Path
) -> None:
    """Whoever changed the invitation on its way named nodes of its own: they agree, and sign nothing."""
    for node in inviting.nodes.values():
        node.commits = None
    shell.refused("network.nothing_proved", *joining(inviting, tmp_path))
    assert not (tmp_path / "node").exists()
    shell.do(*joining(inviting, tmp_path, "--replay"))


def test_an_invitation_to_another_history_stops_it(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    for node in inviting.nodes.values():
        node.forked[50] = "f" * 64
    shell.refused("network.invitation_differs", *joining(inviting, tmp_path))
    assert not (tmp_path / "node").exists()


def test_nodes_of_another_network_stop_it(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    for member in ("bank", "maker"):
        inviting.nodes[member].network = "d" * 50
    told = shell.refused("network.cannot_join", *joining(inviting, tmp_path))
    assert "✗ node:" in told.err
    assert not (tmp_path / "node").exists()
    inviting.nodes["maker"].network = inviting.nodes["plant"].network
    told = shell.do(*joining(inviting, tmp_path))  # One alone has no veto.
    assert "! node: " in told.err
    sync = settings.read(tmp_path / "node").engine.sync
    assert sync is not None
    assert len(sync.servers) == 2


def test_a_dry_run_looks_and_writes_nothing(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    told = shell.do(*joining(inviting, tmp_path, "--dry-run"))
    assert "✓ peer:" in told.err
    assert not (tmp_path / "node").exists()
    assert not shell.home.exists()


def test_another_networks_folder_is_not_touched(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "genesis.json").write_text("{}")
    shell.refused("network.folder_taken", *joining(inviting, tmp_path))
    assert {path.name: path.read_text() for path in (tmp_path / "node").iterdir()} == {"genesis.json": "{}"}


@pytest.mark.parametrize("text", ["", "{}", "[" * 10_000, '{"genesis":"AA=="}', "\ufeff{}"])
def test_what_is_no_invitation(shell: Shell, tmp_path: Path, text: str) -> None:
    (tmp_path / "i.json").write_text(text)
    shell.refused(
        "network.invitation_wrong", "network", "join", tmp_path / "i.json", tmp_path / "node", "--id", "d",
        *company(7), "--yes",
    )  # fmt: skip


def rewritten(inviting: Inviting, **different: object) -> None:
    found = decode_strict(inviting.file.read_bytes(), Invitation)
    inviting.file.write_bytes(encode(replace(found, **different)))


def test_an_invitation_that_leads_nowhere(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    nodes = decode_strict(inviting.file.read_bytes(), Invitation).nodes
    rewritten(inviting, nodes=tuple(replace(node, peer="") for node in nodes))
    shell.refused("network.invitation_wrong", *joining(inviting, tmp_path))
    rewritten(inviting, nodes=(replace(nodes[0], peer='x"\nport = 1'), *nodes[1:]))
    shell.refused("network.invitation_wrong", *joining(inviting, tmp_path))
    shell.do("init", "--quick", tmp_path / "operated", "--profile", "operated")
    rewritten(inviting, genesis=(tmp_path / "operated" / "genesis.json").read_bytes(), nodes=nodes)
    shell.refused("network.no_network", *joining(inviting, tmp_path))
    for spoilt in (NODES_MAX * nodes, (replace(nodes[0], url='http://a"\n[limits]'), *nodes[1:])):
        inviting.file.write_bytes(encode(replace(inviting.invitation, nodes=spoilt)))
        shell.refused("network.invitation_wrong", *joining(inviting, tmp_path))
    assert not (tmp_path / "node").exists()


def test_node_toml_is_toml(inviting: Inviting, shell: Shell, tmp_path: Path) -> None:
    shell.do(*joining(inviting, tmp_path))
    found = tomllib.loads((tmp_path / "node" / "node.toml").read_text())
    assert found["engine"]["sync"]["height"] == 60
    assert found["role"] == "network"
