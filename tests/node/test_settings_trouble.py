"""A mistake in node.toml is told with its line, its setting, and what it may be; in both languages."""

from pathlib import Path

import pytest

from hansa.node import errors, settings

HEAD = 'member = "maker"\n'
SYNC = "[engine.sync]\nservers = ['https://a', 'https://b']\nheight = 1\n"


def refused(folder: Path, text: str | bytes) -> errors.SettingsWrong:
    data = text.encode() if isinstance(text, str) else text
    (folder / "node.toml").write_bytes(data)
    with pytest.raises(errors.SettingsWrong) as caught:
        settings.read(folder)
    assert "node.toml" in caught.value.zh
    assert "node.toml" in caught.value.en
    return caught.value


@pytest.mark.parametrize(("text", "line", "key", "may_be"), [
    ("# first\nmember = 7", 2, "member", "an id"),
    (HEAD + "role = 'leader'", 2, "role", '"network"'),
    (HEAD + "port = 99999", 2, "port", "0 to 65535"),
    (HEAD + "port = '8420'", 2, "port", "0 to 65535"),
    (HEAD + "exposed_without_tls = 1", 2, "exposed_without_tls", "true or false"),
    (HEAD + "[engine]\n\nlisten = 'x'", 4, "engine.listen", "HOST:PORT"),
    (HEAD + "engine.listen = 'x'", 2, "engine.listen", "HOST:PORT"),
    (HEAD + "[engine]\nlisten = 'x:65536'", 3, "engine.listen", "up to 65535"),
    (HEAD + f"[engine]\npeers = ['{'a' * 40}@x:99999']", 3, "engine.peers", "up to 65535"),
    (HEAD + "[engine]\ntimeout_propose_ms = 9999999999", 3, "engine.timeout_propose_ms", "1 to 60000"),
    (HEAD + "[engine]\nempty_block_interval_s = 0", 3, "engine.empty_block_interval_s", "1 to 3600"),
    (HEAD + "[engine]\npeers = ['x']", 3, "engine.peers", "ID@HOST:PORT"),
    (HEAD + "[engine]\npeers = 'x'", 3, "engine.peers", "a list"),
    (HEAD + "[engine.sync]\nservers = ['a']", 3, "engine.sync.servers", "2 or more"),
    (HEAD + SYNC + "hash = 'x'", 5, "engine.sync.hash", "64 hex"),
    (HEAD + "[limits]\nqueue_bytes = 0", 3, "limits.queue_bytes", "at least 1"),
    (HEAD + "[retention]\nkeep_blocks = 'x'", 3, "retention.keep_blocks", "whole number"),
    (HEAD + "engine = 3", 2, "engine", "a table"),
    (HEAD + "[peers]\nplant = 7", 2, "peers", "http://"),
    (HEAD + "[peers]\nplant = 'plant.example'", 2, "peers", "http://"),
])  # fmt: skip
def test_a_wrong_value(tmp_path: Path, text: str, line: int, key: str, may_be: str) -> None:
    refusal = refused(tmp_path, text)
    assert refusal.code == "node.setting_wrong"
    assert (refusal.values["line"], refusal.values["key"]) == (line, key)
    assert may_be in refusal.en
    assert f"第 {line} 行" in refusal.zh


def test_a_setting_that_there_is_not_is_told_with_the_nearest(tmp_path: Path) -> None:
    refusal = refused(tmp_path, HEAD + "\nprot = 7")
    assert (refusal.code, refusal.values["line"]) == ("node.setting_unknown", 3)
    assert "port" in refusal.en
    refusal = refused(tmp_path, HEAD + "[engine]\nlissen = 'x'")
    assert (refusal.values["line"], refusal.values["key"]) == (3, "engine.lissen")
    assert "listen" in refusal.zh
    assert "directory" not in refused(tmp_path, HEAD + "zzzzzz = 7").en


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    for name in ("tls_certificate", "tls_key"):
        refusal = refused(tmp_path, f"{HEAD}{name} = 'x.pem'")
        assert refusal.code == "node.tls_half"


def test_a_setting_that_is_missing_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, "port = 7").code == "node.setting_missing"
    assert refused(tmp_path, HEAD + "[engine.sync]\nheight = 1").values["key"] == "engine.sync.servers"


@pytest.mark.parametrize("text", [HEAD + "= =", HEAD + "port = maker", HEAD + "[engine", HEAD + "x = 'a"])
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str) -> None:
    refusal = refused(tmp_path, text)
    assert (refusal.code, refusal.values["line"]) == ("node.settings_syntax", 2)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\x00", b"member = '\xff'", b"[" * 5_000])
def test_rubbish_is_refused_and_never_crashes(tmp_path: Path, data: bytes) -> None:
    refused(tmp_path, data)


@pytest.mark.parametrize("port", ["0", "1", "9999", "26656", "65535"])
def test_every_port_that_there_is_may_be_named(tmp_path: Path, port: str) -> None:
    (tmp_path / "node.toml").write_text(
        f"{HEAD}[engine]\nlisten = 'x:{port}'\npeers = ['{'a' * 40}@x:{port}']"
    )
    assert settings.read(tmp_path).engine.listen == f"x:{port}"
