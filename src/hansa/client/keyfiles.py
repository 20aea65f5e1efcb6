"""Private keys in files: PEM as OpenSSL writes and reads it (RFC 8410), or sealed by a passphrase.

A file holds the private key and beside it its public key, so that a damaged file is named and not used. It
belongs to its user alone (mode 0600); with wider rights it is refused. Sealed: argon2id over the passphrase,
then NaCl's secretbox, which also shows any change.
"""

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox

from hansa.client.files import read_bounded, write_new
from hansa.kernel import encode
from hansa.kernel.refusal import Refusal
from hansa.kernel.signatures import Signer, is_public_key

SEED_BYTES = 32
KEY_FILE_BYTES_MAX = 16_384
PRIVATE_PREFIX = bytes.fromhex("302e020100300506032b657004220420")
"""PKCS #8 of an Ed25519 key, up to its 32 bytes (RFC 8410, section 7)."""
PUBLIC_PREFIX = bytes.fromhex("302a300506032b6570032100")
"""SubjectPublicKeyInfo of an Ed25519 key, likewise (RFC 8410, section 4)."""
PRIVATE, PUBLIC, SEALED = "PRIVATE KEY", "PUBLIC KEY", "HANSA SEALED KEY"
OPS_MAX = 16
MEMORY_BYTES_MAX = 2**30
"""Limits of what a sealed file may ask of this machine."""

Ask = Callable[[], str]
"""Asks the user for the passphrase, when the key is sealed."""


class KeyMissing(Refusal, code="key.missing", field="path"):
    zh = "没有密钥文件 {path}。请用 hansa key new 生成，或从备份取回。"
    en = "There is no key file {path}. Make one with `hansa key new`, or take it from your backup."


class KeyDamaged(Refusal, code="key.damaged", field="path"):
    zh = "密钥文件 {path} 已损坏或被改动：{detail}。请从备份取回，或吊销后换新密钥。"
    en = (
        "The key file {path} is damaged or was changed: {detail}. Take it from your backup, or revoke the "
        "key and use a new one."
    )


class KeyRights(Refusal, code="key.rights", field="path"):
    zh = "密钥文件 {path} 的权限为 {mode}，别人可读。请执行：chmod 600 {path}"
    en = "Others may read the key file {path} (mode {mode}). Run: chmod 600 {path}"


class KeyTaken(Refusal, code="key.taken", field="path"):
    zh = "{path} 已存在，未作改动。请换一个名称，密钥文件从不覆盖。"
    en = "{path} exists and was not touched: a key is never overwritten. Choose another name."


class KeySealed(Refusal, code="key.sealed", field="passphrase"):
    zh = "密钥文件 {path} 有口令保护。请输入口令，或设置环境变量 HANSA_PASSPHRASE。"
    en = "The key file {path} is sealed by a passphrase. Give it, or set HANSA_PASSPHRASE."


class PassphraseWrong(Refusal, code="key.passphrase_wrong", field="passphrase"):
    zh = "口令不对，或密钥文件 {path} 被改动。请再试一次。"
    en = "The passphrase does not open {path}, or the file was changed. Try again."


class PublicUnusable(Refusal, code="key.public_unusable", field="public"):
    zh = "{what} 不是 Ed25519 公钥。请给出 PEM（openssl pkey -pubout）、64 位十六进制或 base64。"
    en = (
        "{what} is no public key of Ed25519. Give PEM (`openssl pkey -pubout`), 64 hexadecimal digits or "
        "base64."
    )


@dataclass(frozen=True, repr=False)
class PrivateKey:
    """An Ed25519 key in memory."""

    seed: bytes

    @property
    def signer(self) -> Signer:
        return Signer(self.seed)

    @property
    def public(self) -> bytes:
        return Signer(self.seed).public


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    ops: int
    memory_bytes: int
    salt: bytes
    box: bytes


def new_key() -> PrivateKey:
    return PrivateKey(secrets.token_bytes(SEED_BYTES))


# PEM.


def pem(label: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))


def unpem(text: str) -> dict[str, bytes]:
    """Blocks of a PEM file by label. Raises ValueError where one is broken or stands twice."""
    blocks: dict[str, bytes] = {}
    lines = [line.strip() for line in text.splitlines()]
    inside, content = "", ""
    for line in lines:
        if line.startswith("-----BEGIN ") and line.endswith("-----"):
            if inside or line[11:-5] in blocks:
                raise ValueError("a block begins twice")
            inside, content = line[11:-5], ""
        elif line.startswith("-----END "):
            if line != f"-----END {inside}-----" or not inside:
                raise ValueError("a block ends that did not begin")
            blocks[inside] = base64.b64decode(content, validate=True)
            inside = ""
        elif inside:
            content += line
    if inside:
        raise ValueError("it is cut off")
    return blocks


def public_pem(public: bytes) -> str:
    """A public key as `openssl pkey -pubin` reads it."""
    return pem(PUBLIC, PUBLIC_PREFIX + public)


def private_pem(seed: bytes) -> str:
    """A private key as `openssl pkey` reads it, its public key beside it."""
    return pem(PRIVATE, PRIVATE_PREFIX + seed) + public_pem(Signer(seed).public)


def parse_public(text: str) -> bytes:
    """A public key from PEM, hexadecimal or base64. Raises PublicUnusable."""
    what = " ".join(text.split())[:40]
    compact = "".join(text.split())
    try:
        if "-----BEGIN" in text:
            data = unpem(text)[PUBLIC]
            found = data.removeprefix(PUBLIC_PREFIX) if data.startswith(PUBLIC_PREFIX) else b""
        elif len(compact) == 2 * SEED_BYTES:
            found = bytes.fromhex(compact)
        else:
            found = base64.b64decode(compact, validate=True)
    except (ValueError, KeyError, binascii.Error):
        raise PublicUnusable(what=what) from None
    if not is_public_key(found):
        raise PublicUnusable(what=what)
    return found


# Files.


def write_key(path: Path, seed: bytes, passphrase: str | None = None) -> None:
    """Write a new key file, whole or not at all, readable by its user only. Raises KeyTaken."""
    text = private_pem(seed) if passphrase is None else _seal(seed, passphrase)
    try:
        write_new(path, text.encode())
    except FileExistsError:
        raise KeyTaken(path=str(path)) from None


def read_key(path: Path, passphrase: str | Ask | None = None) -> PrivateKey:
    """The key in a file. Raises KeyMissing, KeyRights, KeyDamaged, KeySealed or PassphraseWrong."""
    if not path.is_file():
        raise KeyMissing(path=str(path))
    check_rights(path)
    try:
        blocks = unpem(read_bounded(path, KEY_FILE_BYTES_MAX).decode("ascii"))
    except ValueError as error:
        raise KeyDamaged(path=str(path), detail=str(error)) from None
    public = blocks.get(PUBLIC, b"").removeprefix(PUBLIC_PREFIX)
    if SEALED in blocks:
        word = passphrase() if callable(passphrase) else passphrase
        if not word:
            raise KeySealed(path=str(path))
        seed = _unseal(path, blocks[SEALED], word)
    else:
        data = blocks.get(PRIVATE, b"")
        if not data.startswith(PRIVATE_PREFIX):
            raise KeyDamaged(path=str(path), detail="it holds no private key of Ed25519")
        seed = data.removeprefix(PRIVATE_PREFIX)
    if len(seed) != SEED_BYTES:
        raise KeyDamaged(path=str(path), detail=f"{len(seed)} bytes instead of {SEED_BYTES}")
    key = PrivateKey(seed)
    if public and key.public != public:
        raise KeyDamaged(path=str(path), detail="its public key does not fit")
    return key


def public_of(path: Path) -> bytes:
    """The public key of a key file, without opening a sealed one. Raises as read_key."""
    if not path.is_file():
        raise KeyMissing(path=str(path))
    try:
        blocks = unpem(read_bounded(path, KEY_FILE_BYTES_MAX).decode("ascii"))
    except ValueError as error:
        raise KeyDamaged(path=str(path), detail=str(error)) from None
    if PUBLIC not in blocks:
        return read_key(path).public
    return parse_public(pem(PUBLIC, blocks[PUBLIC]))


def check_rights(path: Path) -> None:
    """Refuse a secret that others may read. Windows has no such mode: there the folder's rights count."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise KeyRights(path=str(path), mode=f"{mode:04o}")


def _seal(seed: bytes, passphrase: str) -> str:
    salt = secrets.token_bytes(argon2id.SALTBYTES)
    ops, memory = argon2id.OPSLIMIT_MODERATE, argon2id.MEMLIMIT_MODERATE
    key = argon2id.kdf(SecretBox.KEY_SIZE, passphrase.encode(), salt, ops, memory)
    box = bytes(SecretBox(key).encrypt(seed))
    sealed = encode(_Sealed(ops=ops, memory_bytes=memory, salt=salt, box=box))
    return pem(SEALED, sealed) + public_pem(Signer(seed).public)


def _unseal(path: Path, data: bytes, passphrase: str) -> bytes:
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise KeyDamaged(path=str(path), detail=str(error)) from None
    if sealed.ops > OPS_MAX or sealed.memory_bytes > MEMORY_BYTES_MAX:
        raise KeyDamaged(path=str(path), detail="it asks for too much work")
    try:
        key = argon2id.kdf(
            SecretBox.KEY_SIZE, passphrase.encode(), sealed.salt, sealed.ops, sealed.memory_bytes
        )
        return SecretBox(key).decrypt(sealed.box)
    except (CryptoError, ValueError, TypeError):
        raise PassphraseWrong(path=str(path)) from None
