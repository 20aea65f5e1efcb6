"""Options from declarations: every type of field, given as people write it."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest, NewKey, RegisterKey, UpdateMember
from hansa.apps.consortium.messages_approvals import ApprovalRule
from hansa.apps.consortium.messages_votes import Vote
from hansa.apps.rooms import registry
from hansa.cli import fields
from hansa.cli.fields import FileUnusable, ValueWrong, fields_of, given_values, metavar, options_of, time_ms
from hansa.client.keyfiles import PrivateKey, public_pem
from hansa.kernel.limits import DAY_MS

KEY = PrivateKey(bytes(range(32)))


def value(struct: Any, name: str, text: Any) -> Any:
    return given_values(fields_of(struct), {f"field_{name}": text})[name]


def refused(struct: Any, name: str, text: str) -> str:
    with pytest.raises(ValueWrong) as wrong:
        value(struct, name, text)
    return wrong.value.en


@pytest.mark.parametrize("tag", sorted(registry().tags))
def test_every_action_has_its_options(tag: str) -> None:
    action = registry().tags[tag]
    found = fields_of(action)
    assert [field.name for field in found] == list(action.__struct_encode_fields__)
    names = [name for option in options_of(found) for name in option.opts]
    assert len(names) == len(set(names))
    assert not {f"--{name}" for name in fields.RESERVED} & {name.replace("-", "_") for name in names}


def test_a_field_says_what_it_means_and_takes() -> None:
    by_name = {field.name: field for field in fields_of(NewKey)}
    assert "billing.propose" in by_name["scopes"].doc
    assert metavar(by_name["expires_ms"]) == "TIME"
    assert metavar(by_name["public"]) == "PEM|BASE64|@FILE"
    assert metavar(by_name["kind"]) == "device|gateway|person|recovery|worker"
    assert by_name["proof"].required
    overlap = {field.name: field for field in fields_of(RegisterKey)}["overlap_ms"]
    assert (metavar(overlap), overlap.required) == ("LENGTH", False)


def test_a_field_named_as_an_option_of_commands_has_another_name() -> None:
    found = {field.name: field.option for field in fields_of(Vote)}
    assert found == {"proposal": "--proposal", "yes": "--set-yes"}


def test_integers() -> None:
    assert value(ApprovalRule, "holders", "3") == 3
    assert value(ApprovalRule, "holders", "-3") == -3
    for text in ("", "x", "3.5", "１", "0x3", "²"):
        assert "integer" in refused(ApprovalRule, "holders", text)


def test_times() -> None:
    assert value(NewKey, "expires_ms", "1767571200000") == 1767571200000
    assert value(NewKey, "expires_ms", "2026-01-05T08:00+08:00") == 1767571200000
    assert value(NewKey, "expires_ms", "2026-01-05") == 1767571200000
    near = time_ms("+30d", "x") - time_ms("+29d", "x")
    assert abs(near - DAY_MS) < 1_000
    for text in ("", "soon", "+30", "+30y", "2026-13-01", "+99999999999d"):
        assert "2026-01-31" in refused(NewKey, "expires_ms", text)


def test_lengths_of_time() -> None:
    assert value(RegisterKey, "overlap_ms", "7d") == 7 * DAY_MS
    assert value(RegisterKey, "overlap_ms", "500") == 500
    refused(RegisterKey, "overlap_ms", "7 days")


def test_truths() -> None:
    assert value(Vote, "yes", "true") is True
    assert value(Vote, "yes", "false") is False
    refused(Vote, "yes", "yes")


def test_bytes(tmp_path: Path) -> None:
    wanted = base64.b64encode(KEY.public).decode()
    pem = tmp_path / "key.pem"
    pem.write_text(public_pem(KEY.public))
    other = tmp_path / "other"
    other.write_bytes(b"\x00\xff")
    for text in (wanted, KEY.public.hex(), public_pem(KEY.public), f"@{pem}"):
        assert value(NewKey, "public", text) == wanted
    assert value(NewKey, "proof", "AP8=") == "AP8="
    assert value(NewKey, "proof", f"@{other}") == "AP8="
    refused(NewKey, "proof", "%%%")


def test_lists_are_given_by_repeating() -> None:
    assert value(Attest, "key", ("a", "b")) == ["a", "b"]
    assert value(UpdateMember, "roles", ("plant", "bank")) == ["plant", "bank"]
    assert given_values(fields_of(Attest), {"field_key": ()}) == {}


def test_structures_are_json(tmp_path: Path) -> None:
    assert value(UpdateMember, "licences", '[{"kind":"business"}]') == [{"kind": "business"}]
    file = tmp_path / "x.json"
    file.write_text("[]")
    assert value(UpdateMember, "licences", f"@{file}") == []
    for text in ("{", "", "[" * 100_000):
        refused(UpdateMember, "licences", text)


def test_files_are_bounded_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileUnusable, match="nowhere"):
        fields.read_input("/nowhere")
    with pytest.raises(FileUnusable):
        fields.read_input(str(tmp_path))
    monkeypatch.setattr(fields, "INPUT_BYTES_MAX", 4)
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(FileUnusable):
        fields.read_input(str(tmp_path / "large"))


def test_what_the_options_say_is_what_is_signed() -> None:
    from hansa.cli.transactions import made

    options = {"field_table": "consortium.members", "field_key": ("me",)}
    action = made(Attest, given_values(fields_of(Attest), options))
    assert action == Attest(table="consortium.members", key=("me",))
    assert msgspec.json.encode(action)


def test_a_time_without_an_offset_is_that_of_the_clock_that_is_meant() -> None:
    assert time_ms("2027-03-29", "from", "Asia/Shanghai") == time_ms("2027-03-28T16:00+00:00", "from")
    assert time_ms("2027-03-29 08:00", "from") == time_ms("2027-03-29T08:00Z", "from")
    assert time_ms("2027-03-29T08:00+08:00", "from", "Europe/Berlin") == time_ms("2027-03-29T00:00Z", "from")
    assert time_ms("2027-03-29", "from", "Nowhere/There") == time_ms("2027-03-29T00:00Z", "from")
    with pytest.raises(ValueWrong) as refused:
        time_ms("2027-03-28T02:30", "from", "Europe/Berlin")
    assert "Europe/Berlin" in refused.value.zh
