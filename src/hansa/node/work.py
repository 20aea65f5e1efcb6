"""The process that checks or makes signatures: frames in on standard input, results out on standard output.

A process of its own, since threads of one Python would wait for each other at every signature. It imports
nothing of Hansa, and ends when its node does.

A frame is its length (4 bytes, big-endian), then MessagePack. `check HEAD_BYTES DOMAIN` takes lists of
[public key, wire] and gives for each the 32 bytes under which the node remembers a signature that held, or
nothing where it did not hold. `sign` takes the private key as its first frame, [key], and gives nothing; then
lists of messages, and gives the signature of each.
"""

import hashlib
import signal
import sys
from collections.abc import Callable
from typing import Any

import msgspec
from nacl.bindings import crypto_sign, crypto_sign_open
from nacl.exceptions import CryptoError

LENGTH_BYTES = 4
SIGNATURE_BYTES = 64


def name_if_good(public: bytes, wire: bytes, head_bytes: int, domain: bytes) -> bytes:
    """SHA-256(public key ‖ suite ‖ signature ‖ message) where the signature holds, else nothing."""
    suite, signature, message = wire[:1], wire[1:head_bytes], domain + wire[head_bytes:]
    if suite != b"\x01" or len(public) != 32 or len(signature) != head_bytes - 1:
        return b""
    try:
        crypto_sign_open(signature + message, public)
    except (CryptoError, ValueError):
        return b""
    return hashlib.sha256(b"".join((public, suite, signature, message))).digest()


def checker(head_bytes: str, domain: str) -> Callable[[Any], list[bytes]]:
    """What `check` does with a frame."""
    head, prefix = int(head_bytes), bytes.fromhex(domain)
    decode = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode
    return lambda data: [name_if_good(public, wire, head, prefix) for public, wire in decode(data)]


def signer() -> Callable[[Any], list[bytes]]:
    """What `sign` does with a frame."""
    decode = msgspec.msgpack.Decoder(list[bytes]).decode
    secret = b""

    def work(data: bytes) -> list[bytes]:
        nonlocal secret
        if not secret:
            (secret,) = decode(data)
            return []
        return [crypto_sign(message, secret)[:SIGNATURE_BYTES] for message in decode(data)]

    return work


def main() -> None:
    """Serve until standard input ends."""
    # The node ends this process by closing its input; a terminal's Ctrl-C is the node's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = signer() if sys.argv[1] == "sign" else checker(*sys.argv[2:])
    encode = msgspec.msgpack.Encoder().encode
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        told = encode(work(source.read(int.from_bytes(head, "big"))))
        target.write(len(told).to_bytes(LENGTH_BYTES, "big") + told)
        target.flush()


if __name__ == "__main__":
    main()
