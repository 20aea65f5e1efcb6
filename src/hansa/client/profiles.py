"""Profiles: which node, which member, which key, which consortium. One folder each.

    $HANSA_HOME/default            name of the profile that commands use
    $HANSA_HOME/profiles/NAME/     profile.json, genesis.json, outbox.db, outbox-archive.jsonl, and on a
                                   network trusted.json: the newest header that was checked
    $HANSA_HOME/profiles/NAME/keys/KEY.pem   the member's private keys that lie here (0600), by their ids

A profile is signed by its own key, so that nobody who cannot read the key can point it to another node; and
it names the digest of its genesis file.
"""

import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from hansa.apps.consortium.messages import Genesis
from hansa.client.bundle import GENESIS_BYTES_MAX
from hansa.client.files import read_bounded, write_new, write_over
from hansa.client.keyfiles import Ask, PrivateKey, public_of, read_key, write_key
from hansa.kernel import encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import ED25519, verify
from hansa.kernel.types import Hash, Id, Natural, OptionalId, Struct

PROFILE_DOMAIN = b"hansa-profile-1\x00"
PROFILE_BYTES_MAX = 16_384
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class ProfileUnknown(Refusal, code="profile.unknown", field="profile"):
    zh = "没有配置 {name}。现有：{known}。用 hansa init 或 hansa profile add 建立。"
    en = "There is no profile {name}. There are: {known}. Make one with `hansa init` or `hansa profile add`."


class ProfileNone(Refusal, code="profile.none", field="profile"):
    zh = "还没有配置。请先用 hansa init 建立联盟，或用 hansa profile add 加入已有联盟。"
    en = (
        "There is no profile yet. Found a consortium with `hansa init`, or add the one you belong to with "
        "`hansa profile add`."
    )


class ProfileName(Refusal, code="profile.name", field="profile"):
    zh = "{name} 不能作配置名。请用小写字母、数字和 - _ .，以字母或数字开头，最多 64 个字符。"
    en = (
        "{name} cannot name a profile. Use lower-case letters, digits and - _ . (at most 64), a letter or "
        "digit first."
    )


class ProfileTaken(Refusal, code="profile.taken", field="profile"):
    zh = "配置 {name} 已存在，未作改动。请换一个名称。"
    en = "Profile {name} exists and was not touched. Choose another name."


class ProfileDamaged(Refusal, code="profile.damaged", field="path"):
    zh = "配置文件 {path} 已损坏或被改动：{detail}。请勿继续使用；用 hansa profile add 重新建立。"
    en = (
        "The profile {path} is damaged or was changed: {detail}. Do not go on with it; make it anew with "
        "`hansa profile add`."
    )


class OtherNode(Struct):
    """One more node of a network, asked when the first one is away."""

    url: str
    node: OptionalId = ""
    """Whose it is."""


class Profile(Struct):
    """What a client needs to know, but for its key."""

    url: str
    member: Id
    key: Id
    chain: Hash
    follower: str = ""
    """Address of one's own follower, which looks for one's acknowledgements; "" if there is none."""
    ca: str = ""
    """File of the authority that issued the node's certificate; "" for those of the system."""
    allow_plain: bool = False
    """Whether sessions may pass unencrypted to another machine."""
    data: str = ""
    """Data directory of the node that belongs to it; "" if it runs elsewhere."""
    node: OptionalId = ""
    """Whose node it is: sessions are opened at no other; "": the operator's, of the set in force."""
    outbox_days: Natural = 0
    """After how many days what has its end goes from the outbox to its archive; 0: never."""
    others: tuple[OtherNode, ...] = ()
    """Further nodes of a network."""


class _Signed(Struct):
    profile: Profile
    suite: int
    signature: bytes


def home() -> Path:
    """Where profiles lie: $HANSA_HOME, else the platform's place for settings."""
    named = os.environ.get("HANSA_HOME")
    if named:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "hansa"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "hansa"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hansa"


class Place:
    """The folder of one profile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.profile_file = folder / "profile.json"
        self.genesis_file = folder / "genesis.json"
        self.outbox_file = folder / "outbox.db"
        self.outbox_archive = folder / "outbox-archive.jsonl"
        self.trusted_file = folder / "trusted.json"
        self.key_folder = folder / "keys"

    def key_file(self, key: str) -> Path:
        """Where the private key of this id lies, or would."""
        return self.key_folder / f"{key.replace(':', '%3a')}.pem"

    def profile(self) -> Profile:
        """The profile as its key signed it. Raises ProfileDamaged, or what the key file's reader raises."""
        try:
            signed = decode_strict(read_bounded(self.profile_file, PROFILE_BYTES_MAX), _Signed)
        except (OSError, ValueError, Refusal) as error:
            raise ProfileDamaged(path=str(self.profile_file), detail=_detail(error)) from None
        message = PROFILE_DOMAIN + encode(signed.profile)
        public = public_of(self.key_file(signed.profile.key))
        if not verify(signed.suite, public, signed.signature, message):
            raise ProfileDamaged(path=str(self.profile_file), detail="its key did not sign it")
        return signed.profile

    def genesis(self) -> bytes:
        """The genesis file, checked against the profile's chain. Raises ProfileDamaged."""
        try:
            data = read_bounded(self.genesis_file, GENESIS_BYTES_MAX)
        except (OSError, ValueError) as error:
            raise ProfileDamaged(path=str(self.genesis_file), detail=_detail(error)) from None
        if hashlib.sha256(data).hexdigest() != self.profile().chain:
            raise ProfileDamaged(path=str(self.genesis_file), detail="it is not that of the profile's chain")
        return data

    def private_key(self, passphrase: str | Ask | None = None) -> PrivateKey:
        """The key that the profile signs with."""
        return read_key(self.key_file(self.profile().key), passphrase)

    def add_key(self, key: str, seed: bytes, passphrase: str | None = None) -> Path:
        """Keep one more private key here. Raises KeyTaken."""
        self.key_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_key(self.key_file(key), seed, passphrase)
        return self.key_file(key)

    def change(self, profile: Profile, key: PrivateKey) -> None:
        """Put another profile in place of this one, signed by its key, whose file lies here."""
        write_over(self.profile_file, _signed(profile, key))


def names(where: Path | None = None) -> Sequence[str]:
    folder = (where or home()) / "profiles"
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if (path / "profile.json").exists())


def create(
    name: str,
    profile: Profile,
    genesis: bytes,
    key: PrivateKey,
    *,
    passphrase: str | None = None,
    where: Path | None = None,
) -> Place:
    """Make a profile and its files. The first one made becomes the default. Raises ProfileName, -Taken."""
    root = where or home()
    if not NAME.fullmatch(name):
        raise ProfileName(name=name)
    place = Place(root / "profiles" / name)
    if place.profile_file.exists():
        raise ProfileTaken(name=name)
    decode_strict(genesis, Genesis)
    root.mkdir(parents=True, exist_ok=True)
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not place.key_file(profile.key).exists() or read_key(place.key_file(profile.key), passphrase) != key:
        place.add_key(profile.key, key.seed, passphrase)
    write_over(place.genesis_file, genesis)
    try:
        write_new(place.profile_file, _signed(profile, key))  # Last: before it there is no profile.
    except FileExistsError:
        raise ProfileTaken(name=name) from None
    if not (root / "default").exists():
        choose(name, root)
    return place


def choose(name: str, where: Path | None = None) -> None:
    """Make a profile the default one."""
    root = where or home()
    find(name, root)
    write_over(root / "default", name.encode())


def find(name: str = "", where: Path | None = None) -> Place:
    """A profile's place: the named one, else $HANSA_PROFILE, else the default, else the only one.

    Raises ProfileUnknown or ProfileNone.
    """
    root = where or home()
    known = names(root)
    wanted = name or os.environ.get("HANSA_PROFILE", "") or _default(root)
    if not wanted and not known:
        raise ProfileNone()
    if not wanted and len(known) == 1:
        wanted = known[0]
    if wanted not in known:
        raise ProfileUnknown(name=wanted or "?", known=", ".join(known) or "-")
    return Place(root / "profiles" / wanted)


def _default(root: Path) -> str:
    try:
        return read_bounded(root / "default", PROFILE_BYTES_MAX).decode().strip()
    except (OSError, ValueError):
        return ""


def _signed(profile: Profile, key: PrivateKey) -> bytes:
    signature = key.signer.sign(PROFILE_DOMAIN + encode(profile))
    return encode(_Signed(profile=profile, suite=ED25519, signature=signature))


def _detail(error: Exception) -> str:
    return error.en if isinstance(error, Refusal) else str(error)
