"""Keys and profiles in files: whole or not at all, for their user alone, and damage is named."""

import base64
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from hansa.apps.rooms import registry
from hansa.client import files, keyfiles, profiles
from hansa.client.keyfiles import (
    PrivateKey,
    new_key,
    parse_public,
    public_of,
    public_pem,
    read_key,
    write_key,
)
from hansa.client.outbox import identity_of
from hansa.client.profiles import Place, Profile
from hansa.kernel import encode
from hansa.kernel.canonical import Malformed
from hansa.kernel.signatures import Signer, verify
from tests.consortium import genesis as founding

KEY = PrivateKey(bytes(range(32)))
GENESIS = encode(founding(registry()))
PROFILE = Profile(url="http://127.0.0.1:8420", member="plant", key="k1", chain=identity_of(GENESIS))
posix = pytest.mark.skipif(os.name != "posix", reason="modes of files")
openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases at the least cost that argon2id allows."""
    monkeypatch.setattr(keyfiles.argon2id, "OPSLIMIT_MODERATE", keyfiles.argon2id.OPSLIMIT_MIN)
    monkeypatch.setattr(keyfiles.argon2id, "MEMLIMIT_MODERATE", keyfiles.argon2id.MEMLIMIT_MIN)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return profiles.create("main", PROFILE, GENESIS, KEY, where=tmp_path / "home")


# Key files.


def test_a_key_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, KEY.seed)
    assert read_key(path) == KEY
    assert public_of(path) == KEY.public == Signer(KEY.seed).public
    assert "seed" not in repr(read_key(path))


def test_new_keys_differ(tmp_path: Path) -> None:
    assert new_key().seed != new_key().seed
    assert len(new_key().seed) == 32


@posix
def test_a_key_file_belongs_to_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    before = os.umask(0)
    write_key(path, KEY.seed)
    os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o660, 0o666, 0o644, 0o601):
        path.chmod(mode)
        with pytest.raises(keyfiles.KeyRights) as refused:
            read_key(path)
        assert f"{mode:04o}" in refused.value.zh
        assert "chmod 600" in refused.value.en
    path.chmod(0o400)
    assert read_key(path) == KEY


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, KEY.seed)
    with pytest.raises(keyfiles.KeyTaken):
        write_key(path, new_key().seed)
    assert read_key(path) == KEY
    assert [name.name for name in tmp_path.iterdir()] == ["key.pem"]


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    for ask in (read_key, public_of):
        with pytest.raises(keyfiles.KeyMissing):
            ask(tmp_path / "key.pem")


@pytest.mark.parametrize("passphrase", [None, "correct horse 电池"])
def test_a_file_changed_anywhere_is_named_or_still_the_same_key(
    tmp_path: Path, passphrase: str | None
) -> None:
    path = tmp_path / "key.pem"
    write_key(path, KEY.seed, passphrase)
    whole = path.read_bytes()
    named = 0
    damaged = [whole[:size] for size in range(0, len(whole), 7)]
    damaged += [whole[:at] + bytes((whole[at] ^ 5,)) + whole[at + 1 :] for at in range(0, len(whole), 3)]
    damaged += [whole + whole, b"\xff" * 100, b"x" * 20_000]
    for data in damaged:
        path.write_bytes(data)
        try:
            assert read_key(path, passphrase) == KEY
        except (keyfiles.KeyDamaged, keyfiles.PassphraseWrong):
            named += 1
    assert named > len(damaged) * 0.7


def test_a_passphrase_opens_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    write_key(path, KEY.seed, "one")
    assert read_key(path, "one") == KEY
    assert read_key(path, lambda: "one") == KEY
    with pytest.raises(keyfiles.PassphraseWrong):
        read_key(path, "two")
    for nothing in (None, "", lambda: ""):
        with pytest.raises(keyfiles.KeySealed):
            read_key(path, nothing)
    assert public_of(path) == KEY.public
    assert KEY.seed.hex() not in path.read_bytes().hex()


def test_a_sealed_file_cannot_ask_for_more_than_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.pem"
    write_key(path, KEY.seed, "one")
    monkeypatch.setattr(keyfiles, "MEMORY_BYTES_MAX", 1)
    with pytest.raises(keyfiles.KeyDamaged, match="too much"):
        read_key(path, "one")


@openssl
def test_openssl_reads_our_keys_and_we_read_those_of_openssl(tmp_path: Path) -> None:
    ours, theirs, message = tmp_path / "ours.pem", tmp_path / "theirs.pem", tmp_path / "message"
    write_key(ours, KEY.seed)
    message.write_bytes(b"hello")

    def run(*arguments: str | Path) -> bytes:
        return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout

    public = run("pkey", "-in", ours, "-pubout").decode()
    assert parse_public(public) == KEY.public
    assert public.split() == public_pem(KEY.public).split()
    signature = run("pkeyutl", "-sign", "-rawin", "-inkey", ours, "-in", message)
    assert verify(1, KEY.public, signature, b"hello")

    run("genpkey", "-algorithm", "ed25519", "-out", theirs)
    theirs.chmod(0o600)
    exported = parse_public(run("pkey", "-in", theirs, "-pubout").decode())
    assert read_key(theirs).public == public_of(theirs) == exported


@openssl
def test_a_key_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ec.pem"
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    path.chmod(0o600)
    with pytest.raises(keyfiles.KeyDamaged):
        read_key(path)


def test_public_keys_in_every_form_people_have_them() -> None:
    public = KEY.public
    encoded = base64.b64encode(public).decode()
    for text in (public_pem(public), public.hex(), public.hex().upper(), encoded, f" {encoded}\n"):
        assert parse_public(text) == public


@pytest.mark.parametrize(
    "text",
    ["", "rubbish", "00" * 31, "00" * 32, "zz" * 32, public_pem(KEY.public)[:60],
     "-----BEGIN X-----\n-----END X-----", public_pem(KEY.public).replace("MCow", "MCov"), "AAAA", "电池"],
)  # fmt: skip
def test_what_is_no_public_key_is_named(text: str) -> None:
    with pytest.raises(keyfiles.PublicUnusable):
        parse_public(text)


# Profiles.


def test_a_profile_comes_back_as_it_was(place: Place, tmp_path: Path) -> None:
    again = profiles.find(where=tmp_path / "home")
    assert again.name == "main"
    assert again.profile() == PROFILE
    assert again.genesis() == GENESIS
    assert again.private_key() == KEY
    assert profiles.names(tmp_path / "home") == ["main"]


def test_profiles_are_found_by_name_by_environment_and_by_default(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    profiles.create("second", PROFILE, GENESIS, new_key(), where=home)
    assert profiles.find(where=home).name == "main"
    profiles.choose("second", home)
    assert profiles.find(where=home).name == "second"
    monkeypatch.setenv("HANSA_PROFILE", "main")
    assert profiles.find(where=home).name == "main"
    assert profiles.find("second", where=home).name == "second"
    with pytest.raises(profiles.ProfileUnknown, match="main, second"):
        profiles.find("third", where=home)
    with pytest.raises(profiles.ProfileUnknown):
        profiles.choose("third", home)


def test_home_is_the_platforms_place_or_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANSA_HOME", "/somewhere")
    assert profiles.home() == Path("/somewhere")
    monkeypatch.delenv("HANSA_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/config")
    monkeypatch.setattr(profiles.sys, "platform", "linux")
    assert profiles.home() == Path("/config/hansa")
    monkeypatch.setattr(profiles.sys, "platform", "darwin")
    assert profiles.home().parts[-2:] == ("Application Support", "hansa")
    monkeypatch.setattr(profiles.sys, "platform", "win32")
    monkeypatch.setenv("APPDATA", "/roaming")
    assert profiles.home() == Path("/roaming/hansa")


def test_without_a_profile_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(profiles.ProfileNone, match="hansa init"):
        profiles.find(where=tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", ".hidden", "x" * 65, "中", "a b"])
def test_names_of_profiles_are_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(profiles.ProfileName):
        profiles.create(name, PROFILE, GENESIS, KEY, where=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_profile_is_not_made_twice(place: Place, tmp_path: Path) -> None:
    with pytest.raises(profiles.ProfileTaken):
        profiles.create("main", PROFILE, GENESIS, new_key(), where=tmp_path / "home")
    assert place.private_key() == KEY


def test_a_profile_needs_a_genesis_file(tmp_path: Path) -> None:
    with pytest.raises(Malformed):
        profiles.create("main", PROFILE, b"{}", KEY, where=tmp_path)
    assert profiles.names(tmp_path) == []


def test_nobody_points_a_profile_elsewhere_without_its_key(place: Place) -> None:
    text = place.profile_file.read_text()
    for changed in (
        text.replace("127.0.0.1", "127.0.0.2"),
        text.replace("plant", "maker"),
        text[: len(text) // 2],
        "",
        "{}",
        "[" * 100_000,
    ):
        place.profile_file.write_text(changed)
        with pytest.raises(profiles.ProfileDamaged) as refused:
            place.profile()
        assert "profile.json" in refused.value.zh
    place.profile_file.unlink()
    with pytest.raises(profiles.ProfileDamaged):
        place.profile()


def test_a_profile_with_another_key_beside_it_is_not_used(place: Place) -> None:
    place.key_file("k1").unlink()
    place.add_key("k1", new_key().seed)
    with pytest.raises(profiles.ProfileDamaged, match="did not sign"):
        place.profile()


def test_a_changed_genesis_file_is_named(place: Place) -> None:
    for data in (GENESIS.replace(b"East", b"West"), GENESIS[:50], b""):
        place.genesis_file.write_bytes(data)
        with pytest.raises(profiles.ProfileDamaged, match="chain"):
            place.genesis()


def test_a_profile_is_changed_by_its_key(place: Place) -> None:
    moved = Profile(url="https://new.example", member="plant", key="k2", chain=PROFILE.chain)
    second = new_key()
    place.add_key("k2", second.seed)
    place.change(moved, second)
    assert place.profile() == moved
    assert place.private_key() == second
    assert place.key_file("a:b").name == "a%3ab.pem"
    place.change(moved, new_key())
    with pytest.raises(profiles.ProfileDamaged):
        place.profile()


def test_a_sealed_profile_is_read_without_its_passphrase(tmp_path: Path) -> None:
    place = profiles.create("main", PROFILE, GENESIS, KEY, passphrase="one", where=tmp_path)
    assert place.profile() == PROFILE
    assert place.private_key("one") == KEY
    with pytest.raises(keyfiles.KeySealed):
        place.private_key()


# Files.


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.write_over(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        files.write_over(path, b"new")
    with pytest.raises(OSError, match="space"):
        files.write_new(tmp_path / "other", b"new")
    assert path.read_bytes() == b"old"
    assert [name.name for name in tmp_path.iterdir()] == ["file"]


def test_without_hard_links_a_new_file_still_overwrites_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "link", none)
    files.write_new(tmp_path / "file", b"one")
    with pytest.raises(FileExistsError):
        files.write_new(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"one"
