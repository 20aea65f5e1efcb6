"""`hansa tx`, `get`, `events`, `attest`: any action and query of the registry, and the outbox behind them."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from hansa.client import profiles
from hansa.client.verify_record import ProvedRecord
from hansa.kernel import encode, replace
from hansa.kernel.evidence import holds, signed_by
from tests.cli.shell import Shell, running
from tests.ports import free_port

ATTEST = ("tx", "consortium.attest", "--table", "consortium.members")


def test_an_action_is_signed_sent_and_on_the_ledger(quick: Shell) -> None:
    receipt = quick.do(*ATTEST, "--key", "me", "--yes", "--json").json
    assert (receipt["code"], receipt["height"] > 0) == ("ok", True)
    listed = quick.do("tx", "list", "--json").json[-1]
    assert (listed["state"], listed["transaction"]) == ("done", receipt["transaction"])
    shown = quick.do("tx", "status", listed["number"]).json
    assert shown["receipt"] == listed["receipt"]
    assert shown["actions"] == [{"_type": "consortium.attest", "key": ["me"], "table": "consortium.members"}]


def test_a_dry_run_shows_body_and_hash_and_keeps_nothing(quick: Shell) -> None:
    before = quick.do("tx", "list", "--json").json
    shown = quick.do(*ATTEST, "--key", "me", "--dry-run", "--json").json
    body = shown["body"]
    assert body["actions"][0]["key"] == ["me"]
    assert hashlib.sha256(encode(body)).hexdigest() == shown["transaction"]
    sequence = quick.do("get", "consortium.sequence", "--member", "me", "--key", "k1", "--json").json["value"]
    assert body["sequence"] == sequence + 1
    assert shown["bytes"] == 65 + len(encode(body))
    assert quick.do("tx", "list", "--json").json == before
    told = quick.do(*ATTEST, "--key", "me", "--dry-run")
    assert "not signed, not sent" in told.err


def test_nothing_is_signed_unasked(quick: Shell) -> None:
    before = quick.do("tx", "list", "--json").json
    quick.refused("cli.not_confirmed", *ATTEST, "--key", "me")
    assert quick.do("tx", "list", "--json").json == before


def test_what_the_ledger_refuses_is_told_in_ones_language(quick: Shell) -> None:
    told = quick.refused("consortium.record_unknown", *ATTEST, "--key", "rival", "--yes")
    assert "holds no record rival" in told.err
    assert "没有记录 rival" in quick("--lang", "zh", *ATTEST, "--key", "rival", "--yes").err
    number = quick.do("tx", "list", "--state", "refused", "--json").json[-1]["number"]
    assert "holds no record" in quick.do("tx", "status", number).err
    quick.do("tx", "drop", number)
    assert number not in [
        each["number"] for each in quick.do("tx", "list", "--state", "refused", "--json").json
    ]


def test_fields_come_from_a_file_too_and_options_go_before_them(quick: Shell, tmp_path: Path) -> None:
    file = tmp_path / "fields.json"
    file.write_text(json.dumps({"table": "consortium.members", "key": ["rival"]}))
    shown = quick.do("tx", "consortium.attest", "--file", file, "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["key"] == ["rival"]
    shown = quick.do("tx", "consortium.attest", "--file", file, "--key", "me", "--dry-run", "--json").json
    assert shown["body"]["actions"][0]["key"] == ["me"]
    for text in ("", "[]", "{", '{"_type":"billing.close"}'):
        file.write_text(text)
        quick.refused("cli.file_unusable", "tx", "consortium.attest", "--file", file, "--yes")


def test_several_actions_are_one_transaction(quick: Shell, tmp_path: Path) -> None:
    one = {"_type": "consortium.attest", "table": "consortium.members", "key": ["me"]}
    file = tmp_path / "batch.json"
    file.write_text(json.dumps([one, one]))
    height = quick.do("tx", "batch", file, "--yes", "--json").json["height"]
    events = quick.do("events", "--after", f"{height}.-1").out.splitlines()
    assert len(events) == 2
    for item in ([{**one, "_type": "rubbish.act"}], [1], {"x": 1}):
        file.write_text(json.dumps(item))
        quick.refused("cli.file_unusable", "tx", "batch", file, "--yes")
    file.write_text(json.dumps({**one, "extra": 1}))
    quick.refused("kernel.malformed", "tx", "batch", file, "--yes")


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("kernel.malformed", ("consortium.attest", "--table", "consortium.members")),
        ("kernel.malformed", ("consortium.attest", "--table", "NOT A TABLE", "--key", "x")),
        ("cli.value_wrong", ("consortium.vote", "--proposal", "p", "--set-yes", "perhaps")),
        ("cli.file_unusable", ("consortium.attest", "--file", "/nowhere/x.json")),
        ("consortium.proposal_unknown", ("consortium.vote", "--proposal", "p", "--set-yes", "true")),
    ],
)
def test_what_is_badly_given_is_named(quick: Shell, code: str, options: tuple[str, ...]) -> None:
    quick.refused(code, "tx", *options, "--yes")


def test_tables_are_also_json_and_csv(quick: Shell) -> None:
    quick.do(*ATTEST, "--key", "me", "--yes")
    assert quick.do("tx", "list", "--csv").out.startswith("number,state,actions,outcome,height,")
    assert "done" in quick.do("tx", "list").out
    assert "已上账" in quick.do("--lang", "zh", "tx", "list").out
    assert quick.do("get", "consortium.members", "--csv").out.splitlines()[1].startswith("me,")
    assert "Trial company" in quick.do("get", "consortium.members").out


# Queries.


def test_a_query_tells_of_which_height_it_is(quick: Shell) -> None:
    quick.do(*ATTEST, "--key", "me", "--yes")
    now = quick.do("get", "consortium.sequence", "--member", "me", "--key", "k1", "--json").json
    then = quick.do(
        "get", "consortium.sequence", "--member", "me", "--key", "k1", "--height", now["height"] - 1, "--json"
    ).json
    assert (then["height"], then["value"]) == (now["height"] - 1, now["value"] - 1)


def test_a_query_is_checked(quick: Shell) -> None:
    assert quick("get", "consortium.rubbish").status == 2
    quick.refused("cli.value_wrong", "get", "consortium.keys_expiring", "--days", "soon")
    assert quick("get", "consortium.sequence", "--member", "me").status == 2
    quick.refused("node.height_unknown", "get", "consortium.members", "--height", 999_999)


# Events.


def test_events_are_lines_of_json(quick: Shell) -> None:
    receipt = quick.do(*ATTEST, "--key", "me", "--yes", "--json").json
    lines = [json.loads(line) for line in quick.do("events").out.splitlines()]
    assert lines[-1]["id"] == f"{receipt['height']}.0"
    assert lines[-1]["type"] == "kernel.attested"
    assert len(quick.do("events", "--limit", 1).out.splitlines()) == 1
    assert quick.do("events", "--after", receipt["height"]).out == ""
    assert len(quick.do("events", "--after", receipt["height"] - 1).out.splitlines()) == 1
    assert quick.do("events", "--type", "billing.stated").out == ""
    assert quick.do("events", "--room", "billing").out == ""
    assert len(quick.do("events", "--room", "kernel").out.splitlines()) == len(lines)
    quick.refused("cli.wrong_use", "events", "--after", "soon")


def test_events_are_followed(quick: Shell) -> None:
    receipt = quick.do(*ATTEST, "--key", "me", "--yes", "--json").json
    followed = quick.do("events", "--follow", "--limit", 1, "--after", receipt["height"] - 1).out
    assert json.loads(followed)["id"] == f"{receipt['height']}.0"


# Attests.


def test_a_record_is_shown_and_proved(quick: Shell, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    told = quick.do("attest", "consortium.members", "me", "--yes", "--proof", proof).out
    assert '"name_en": "Trial company"' in told
    found = msgspec.json.decode(proof.read_bytes(), type=ProvedRecord)
    place = profiles.find("me", quick.home)
    genesis = msgspec.json.decode(place.genesis())
    public = msgspec.convert(genesis["node_public"], bytes)
    assert holds(found.proof, found.head.header)
    told = quick.do("verify", proof, "--genesis", place.genesis_file).out
    assert "the operator's word" in told
    assert "consortium.members.me" in told
    item = found.proof.item.replace(b'"me"', b'"we"')
    proof.write_bytes(encode(replace(found, proof=replace(found.proof, item=item))))
    ran = quick("verify", proof, "--genesis", place.genesis_file, "--json")
    assert ran.status == 1
    assert [check["name"] for check in ran.json["checks"] if not check["ok"]] == ["inclusion"]
    assert signed_by(found.head, public)
    assert (
        quick.do("attest", "consortium.members", "me", "--yes", "--json").json["record"]["status"] == "active"
    )
    quick.refused("consortium.record_unknown", "attest", "consortium.members", "rival", "--yes")


# Without the node.


def test_what_cannot_be_sent_is_kept_and_sent_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa.cli.common.PATIENCE_S", 0)
    shell = Shell(tmp_path / "home")
    shell.do("init", "--quick", tmp_path / "node", "--port", free_port())
    told = shell.refused("client.unreachable", *ATTEST, "--key", "me", "--yes")
    assert "entry 1" in told.err
    assert "第 1 项" in shell("--lang", "zh", *ATTEST, "--key", "me", "--yes").err.replace(
        "第 2 项", "第 1 项"
    )
    assert [each["state"] for each in shell.do("tx", "list", "--json").json] == ["queued", "queued"]
    shell.do("tx", "drop", 2)
    shell.refused("client.unreachable", "tx", "send")
    with running(tmp_path / "node"):
        assert "done 1, refused 0, waiting 0, queued 0" in shell.do("tx", "send").out
        assert shell.do("tx", "send", "--json").json == {"done": 1, "refused": 0, "waiting": 0, "queued": 0}
    assert [each["state"] for each in shell.do("tx", "list", "--json").json] == ["done", "dropped"]
    shell.refused("outbox.entry_done", "tx", "drop", 1)
    shell.refused("outbox.entry_unknown", "tx", "status", 9)
    export = tmp_path / "outbox.jsonl"
    shell.do("tx", "export", export)
    kinds = [next(iter(json.loads(line))) for line in export.read_text().splitlines()]
    assert kinds == ["entry", "entry", "acknowledgement"]


def test_a_node_of_another_consortium_is_refused(quick: Shell, tmp_path: Path) -> None:
    other = Shell(tmp_path / "home")
    other.do("init", "--quick", tmp_path / "node")
    place, found = profiles.find("me", other.home), profiles.find("me", quick.home)
    moved = replace(place.profile(), url=found.profile().url)
    place.change(moved, place.private_key())
    other.refused("client.other_chain", "member", "list")
    other.refused("client.other_chain", *ATTEST, "--key", "me", "--yes")
    assert other.do("tx", "list", "--json").json == []


def test_without_a_profile_it_says_what_to_do(shell: Shell) -> None:
    assert "hansa init" in shell.refused("profile.none", "tx", "list").err
    shell.refused("profile.unknown", "tx", "list", "--profile", "x")
