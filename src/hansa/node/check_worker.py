"""The process that checks signatures: frames in on standard input, verdicts out on standard output.

A process of its own, since threads of one Python would wait for each other at every signature. It imports
nothing of Hansa, and ends when its node does.

In: length (4 bytes, big-endian), then MessagePack [[public key, wire], …]. Out, likewise: one name per wire,
32 bytes under which the node remembers a signature that held, or nothing where it did not hold.
"""

import hashlib
import signal
import sys

import msgspec
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

LENGTH_BYTES = 4


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


def main() -> None:
    """Serve until standard input ends."""
    # The node ends this process by closing its input; a terminal's Ctrl-C is the node's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    head_bytes, domain = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
    decode = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]]).decode
    encode = msgspec.msgpack.Encoder().encode
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while len(head := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        work = decode(source.read(int.from_bytes(head, "big")))
        told = encode([name_if_good(public, wire, head_bytes, domain) for public, wire in work])
        target.write(len(told).to_bytes(LENGTH_BYTES, "big") + told)
        target.flush()


if __name__ == "__main__":
    main()
