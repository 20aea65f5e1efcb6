"""The second checker: its size and independence, its command line, signatures at the edges, paths."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.kernel import encode, merkle
from hansa.kernel.signatures import Signer, verify
from tests.client.evidence_world import EvidenceWorld, made
from tests.client.test_verify import CHECKER, checker

ROOT = CHECKER.parents[1]
LINES_MAX = 690
ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    built = made(tmp_path_factory.mktemp("evidence"))
    yield built
    built.store.close()
    built.consortium.close()


def test_it_is_short_and_uses_nothing_of_hansa() -> None:
    text = CHECKER.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_MAX
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add((node.module or "").split(".")[0])
    assert modules <= {*sys.stdlib_module_names, "cryptography"}
    assert "hansa" not in modules


def run(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHECKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_its_exit_status_says_whether_all_holds(world: EvidenceWorld, tmp_path: Path) -> None:
    bundle, genesis = tmp_path / "evidence.json", tmp_path / "genesis.json"
    good = encode(world.gather(2))
    bundle.write_bytes(good)
    genesis.write_bytes(world.genesis)

    held = run(bundle, genesis)

    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout.startswith("HOLDS  30 transactions")
    assert "no record: energy 1.58" in held.stdout
    assert held.stdout.splitlines()[1].startswith("成立  30 笔交易，18 条账本记录")
    assert "缺少的序号：energy 1.58" in held.stdout

    bundle.write_bytes(good.replace(b'"readings":[{"owner":"plant"', b'"readings":[{"owner":"maker"', 1))
    broken = run(bundle, genesis)
    assert (broken.returncode, broken.stdout) == (1, "")
    assert broken.stderr.splitlines()[0] == "DOES NOT HOLD  readings[0]: not under anchor batch-15"
    assert broken.stderr.splitlines()[1] == "不成立  readings[0]：不在存证 batch-15 之下"

    subject = f'"period_from_ms":{world.gather(2).subject.period_from_ms}'.encode()
    assert good.count(subject) == 1
    bundle.write_bytes(good.replace(subject, subject + b".0"))
    assert run(bundle, genesis).returncode == 1

    assert run(tmp_path / "nothing", genesis).returncode == 1
    assert run(bundle).returncode != 0


Y_OF_SMALL_ORDER = sorted(checker.SMALL_ORDER)


@pytest.mark.parametrize("y", Y_OF_SMALL_ORDER)
@pytest.mark.parametrize("sign", [0, 1])
def test_points_of_small_order_are_refused_as_keys_and_in_signatures(y: int, sign: int) -> None:
    point = (y | sign << 255).to_bytes(32, "little")
    signature = Signer(bytes(32)).sign(b"m")
    public = Signer(bytes(32)).public
    # For A of small order and S = 0, R = identity, the equation holds for many messages.
    for key, signed in ((point, (1).to_bytes(32, "little") + bytes(32)), (public, point + signature[32:])):
        assert not checker.signed_by(key, 1, signed, b"m")
        assert not verify(1, key, signed, b"m")


@pytest.mark.parametrize("y", [PRIME, PRIME + 1, 2**255 - 1])
def test_encodings_beyond_the_field_are_refused(y: int) -> None:
    point = y.to_bytes(32, "little")
    signature = Signer(bytes(32)).sign(b"m")
    assert not checker.signed_by(point, 1, signature, b"m")
    assert not checker.signed_by(Signer(bytes(32)).public, 1, point + signature[32:], b"m")


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=100))
def test_both_agree_on_honest_signatures_and_on_s_beyond_the_order(seed: bytes, message: bytes) -> None:
    signer = Signer(seed)
    signature = signer.sign(message)
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    large = signature[:32] + scalar.to_bytes(32, "little")
    for suite, signed, holds in ((1, signature, True), (1, large, False), (2, signature, False)):
        assert checker.signed_by(signer.public, suite, signed, message) is holds
        assert verify(suite, signer.public, signed, message) is holds
    assert not checker.signed_by(signer.public, 1, signature[:63], message)
    assert not checker.signed_by(signer.public, True, signature, message)


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_both_agree_on_paths(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    path = [step.hex() for step in merkle.path_in(hashes, index)]
    assert checker.root_of(leaves[index], index, len(leaves), path) == merkle.root(hashes).hex()
    other = data.draw(st.integers(0, 50)), data.draw(st.integers(1, 50))
    ours = merkle.root_from_path(hashes[index], *other, [bytes.fromhex(step) for step in path])
    theirs = checker.root_of(leaves[index], *other, path)
    assert theirs == ("" if ours is None else ours.hex())
