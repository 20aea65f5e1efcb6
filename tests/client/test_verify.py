"""Good evidence holds, forged evidence fails: in both checkers, at the check that is meant to see it."""

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hansa.apps.consortium.messages import Genesis
from hansa.apps.metering.messages import (
    RecordCounters,
)
from hansa.client.bundle import BUNDLE_BYTES_MAX, Bundle, Carried
from hansa.client.verify import Report, check_bundle
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from tests.client import forgeries_of_insiders, forgeries_of_outsiders
from tests.client.evidence_world import HOUR, EvidenceWorld
from tests.client.forgeries import FORGERIES, Forgery
from tests.client.forging import (
    events_of,
    find,
    relogged,
    resigned,
)
from tests.consortium import signer

CATALOGUES = (forgeries_of_insiders, forgeries_of_outsiders)
"""Importing them fills the register of forgeries."""
CHECKER = Path(__file__).resolve().parents[2] / "examples" / "check_evidence.py"
GATEWAY, CLERK, MAKER = signer("plant", "gateway-1"), signer("plant", "k1"), signer("maker", "k1")


def load_checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_evidence", CHECKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checker = load_checker()


def checked(data: bytes, genesis: bytes) -> bool:
    """Whether the second checker lets it pass; it raises nothing but Broken."""
    try:
        checker.check(data, genesis)
    except checker.Broken:
        return False
    return True


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checks if not check.ok]


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b'{"format":"hansa-record-1"}', b'{"format":"hansa-evidence-1"}']
)
def test_the_second_checker_says_what_it_does_not_read(data: bytes) -> None:
    with pytest.raises(checker.Broken) as found:
        checker.check(data, b"{}")
    assert "format: no evidence of a settlement in this version" in str(found.value)
    assert "format：不是本版本的结算证据" in str(found.value)


def test_good_evidence_holds_in_both_checkers(world: EvidenceWorld, bundles: list[bytes]) -> None:
    for data in bundles:
        report = check_bundle(data, world.genesis)
        assert failed(report) == []
        assert report.ok
        assert checked(data, world.genesis)


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_forged_evidence_fails_where_it_must(
    world: EvidenceWorld, bundles: list[bytes], forgery: Forgery
) -> None:
    data = encode(forgery.make(decode(bundles[-1], Bundle), world))
    assert data != bundles[-1]
    report = check_bundle(data, world.genesis)
    assert failed(report)[:1] == [forgery.fails], [check for check in report.checks if not check.ok]
    assert checked(data, world.genesis) == (not forgery.seen_without_rating)


def test_the_first_copy_of_a_number_stands(world: EvidenceWorld, bundles: list[bytes]) -> None:
    """Copies that come later, the same or contradicting, change nothing."""
    b = decode(bundles[-1], Bundle)
    n = find(b, RecordCounters, anchor="batch-3")
    for change in (lambda a: a, lambda a: forgeries_of_insiders.values(a, lambda v: v + 9)):
        after = b.transactions[-1]
        until_ms = after.transaction.block.time_ms + HOUR
        copy = resigned(b.transactions[n], change, GATEWAY, sequence=900, valid_until_ms=until_ms)
        copy = Carried(
            replace(copy.transaction, block=after.transaction.block),
            replace(copy.outcome, block=after.outcome.block),
        )
        recorded = replace(b.events[events_of(b, n)[-1]], block=copy.transaction.block)
        told = replace(b, transactions=(*b.transactions, copy), events=(*b.events, recorded))
        data = encode(relogged(told))
        assert failed(check_bundle(data, world.genesis)) == []
        assert checked(data, world.genesis)


def test_a_log_built_anew_with_nothing_changed_holds(world: EvidenceWorld, bundles: list[bytes]) -> None:
    """So that what fails above fails for its own reason."""
    data = encode(relogged(decode(bundles[-1], Bundle)))
    assert failed(check_bundle(data, world.genesis)) == []
    assert checked(data, world.genesis)


# Bytes that are no bundle at all.


def test_anothers_genesis_is_refused(world: EvidenceWorld, bundles: list[bytes]) -> None:
    other = encode(replace(decode(world.genesis, Genesis), created_ms=1))
    assert failed(check_bundle(bundles[0], other)) == ["genesis"]
    assert not checked(bundles[0], other)


@pytest.mark.parametrize(
    "junk",
    [
        b"", b" ", b"{}", b"[]", b"null", b"1", b"\xff\xfe", b"{" * 100_000, b"[" * 100_000,
        b'{"a":' * 50_000, b"9" * 10_000, b'"' + b"a" * 1_000_000 + b'"', b"\x00" * 1_000, b"NaN",
    ],
)  # fmt: skip
def test_junk_is_refused(world: EvidenceWorld, bundles: list[bytes], junk: bytes) -> None:
    for data, genesis in ((junk, world.genesis), (bundles[0], junk)):
        assert failed(check_bundle(data, genesis)) == ["content"]
        assert not checked(data, genesis)


def test_what_is_too_large_is_not_read(world: EvidenceWorld) -> None:
    report = check_bundle(b" " * (BUNDLE_BYTES_MAX + 1), world.genesis)
    assert failed(report) == ["content"]
    assert "64" in report.checks[0].detail.en or str(BUNDLE_BYTES_MAX) in report.checks[0].detail.en


@pytest.mark.parametrize("change", ["space", "field", "twice", "newline", "empty", "cut", "order"])
def test_only_the_canonical_form_is_read(world: EvidenceWorld, bundles: list[bytes], change: str) -> None:
    good = bundles[0]
    data = {
        "space": good.replace(b'"format":', b'"format": ', 1),
        "field": good.replace(b'{"attests"', b'{"a":1,"attests"', 1),
        "twice": good.replace(b'"format":', b'"format":"x","format":', 1),
        "newline": good + b"\n",
        "empty": good.replace(b'"reading":{', b'"reading":{"path":[],', 1),
        "cut": good[:-1],
        "order": good[:-1].replace(b'"format":"hansa-evidence-2",', b"", 1)
        + b',"format":"hansa-evidence-2"}',
    }[change]
    assert data != good
    assert failed(check_bundle(data, world.genesis)) == ["content"]
    assert not checked(data, world.genesis)


GOOD: dict[int, bytes] = {}
"""A bundle made once: as a fixture it would fill the report of a failure."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), bit=st.integers(0, 7))
@example(seed=2_099_136_672, bit=5)  # the case of a letter in the path of a reading
def test_no_byte_can_be_changed(world: EvidenceWorld, seed: int, bit: int) -> None:
    """Whatever bit is flipped, both checkers refuse."""
    good = GOOD.setdefault(0, encode(world.gather(0)))
    place = random.Random(seed).randrange(len(good))
    data = good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :]
    assert not check_bundle(data, world.genesis).ok
    assert not checked(data, world.genesis)
