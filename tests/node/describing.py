"""Runs schemathesis, all checks, over every operation of a node that has a few blocks.

.venv/bin/python -m tests.node.describing 1000    (examples per operation; about 15 minutes)
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import msgspec

from hansa.apps.consortium.messages import Attest
from hansa.apps.rooms import registry
from hansa.kernel import limits
from hansa.kernel.signatures import opening
from hansa.kernel.transaction import join, sign
from hansa.node.settings import Limits
from tests.consortium import START_MS, signer
from tests.node.world import OCTETS, founded, served

BOUNDS = Limits(wait_ms=20, listeners=4)
"""Nobody waits long for a block that does not come."""
CONFIG = """[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 415, 422, 428, 429, 431, "5xx"]
"""
"""Its own list, and 431: what is made up for a query may be longer than all headers may be."""


def run(examples: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Try the described operations; what schemathesis prints is in `stdout`."""
    with served(founded(folder, port=0, limits=BOUNDS)) as handle:
        url = f"http://127.0.0.1:{handle.port}"
        _fill(url)
        config = folder / "schemathesis.toml"
        config.write_text(CONFIG)
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config),
            "run", f"{url}/v1/openapi.json",
            "--checks", "all", "--max-examples", str(examples), "--generation-deterministic",
            "--header", f"Authorization: Bearer {_token(url)}", "--request-timeout", "20",
            "--workers", "1", "--no-color", "--continue-on-failure", "--warnings", "off",
        ]  # fmt: skip
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def _fill(url: str) -> None:
    chain = httpx2.get(f"{url}/health").json()["chain"]
    wires = [
        sign(
            registry(), signer("plant"), chain=chain, member="plant", key="k1", sequence=number,
            valid_until_ms=START_MS + limits.HOUR_MS,
            actions=(Attest(table="consortium.members", key=("bank",)),),
        )
        for number in range(1, 6)
    ]  # fmt: skip
    for wire in wires:
        assert httpx2.post(f"{url}/v1/transactions", content=join([wire]), headers=OCTETS).status_code == 200


def _token(url: str) -> str:
    """A session of the node's own member, so that nothing is closed to it."""
    asked = httpx2.post(f"{url}/v1/sessions/challenge", json={"member": "maker", "key": "k1"}).json()
    challenge = msgspec.convert(asked["challenge"], bytes)
    signature = signer("maker").sign(opening(asked["chain"], asked["node"], challenge))
    opened = httpx2.post(
        f"{url}/v1/sessions",
        content=msgspec.json.encode({"challenge": challenge, "signature": signature}),
        headers={"content-type": "application/json"},
    )
    return str(opened.json()["token"])


def operations(printed: str) -> int:
    """How many operations were tried."""
    found = re.search(r"Tested: (\d+)", printed) or re.search(r"(\d+) selected", printed)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        done = run(int(sys.argv[1]), Path(name))
    print(done.stdout)
    print(done.stderr, file=sys.stderr)
    sys.exit(done.returncode)
