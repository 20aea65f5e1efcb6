"""Ports for the servers of tests: never one twice, and none that the system gives to outgoing connections."""

import itertools
import os
import socket

LOWEST, HIGHEST = 12_000, 32_000
"""Below the range from which the system takes ports by itself, above those of well-known services."""
_numbers = itertools.count(os.getpid() * 211)
"""Each process of a test run begins elsewhere."""


def free_port() -> int:
    """A port of this machine on which nobody listens, other than any that this process was given."""
    for number in itertools.islice(_numbers, HIGHEST - LOWEST):
        port = LOWEST + number % (HIGHEST - LOWEST)
        with socket.socket() as found:
            try:
                found.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
