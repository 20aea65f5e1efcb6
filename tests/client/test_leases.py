"""The contract as a page: all of both languages, nothing that a browser would run; files by hash."""

import hashlib
from pathlib import Path

import pytest

from hansa.apps.leasing import text
from hansa.apps.leasing.messages import Attachment, Lease
from hansa.client import leases
from hansa.kernel import replace
from tests.apps.leasing import lease_terms
from tests.apps.test_lease_text import MAKER, draft


def test_the_page_says_all_of_both_texts_and_what_is_signed() -> None:
    made = draft()
    page = leases.page(made, (("maker", "k1", "2026-01-05"),))
    for lang in ("zh", "en"):
        for clause in text.clauses(made, lang):  # type: ignore[arg-type]
            assert clause.heading in page
            for paragraph in clause.paragraphs:
                assert paragraph.replace("'", "&#x27;").replace('"', "&quot;") in page
    assert text.content(made) in page
    assert "maker / k1" in page
    assert "公章" in page


def test_a_name_on_the_ledger_runs_nothing_on_the_page() -> None:
    page = leases.page(replace(draft(), lessor=replace(MAKER, name_en="<script>alert(1)</script>")))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_files_are_hashed_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"photo")
    assert leases.sha256_of(photo) == hashlib.sha256(b"photo").hexdigest()
    monkeypatch.setattr(leases, "FILE_BYTES_MAX", 4)
    with pytest.raises(leases.FileTooLarge):
        leases.sha256_of(photo)
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(leases.FileUnreadable):
            leases.sha256_of(path)


def test_attachments_replace_those_signed_so_far_only_where_some_are_given() -> None:
    made = draft()
    assert leases.attached(made, ()) == made
    other = (Attachment("plan", "a" * 64),)
    assert leases.attached(made, other).attachments == other


def test_terms_of_a_sublease_and_of_a_transfer_come_of_the_lease() -> None:
    terms = lease_terms(security_deposit_minor=5, prepayment_minor=6, extension_ms=7)
    held = Lease(terms=terms, content="0" * 64, edition=1, state="running", end_ms=terms.to_ms + 1)
    under = leases.sublease_terms(
        "l-1", held, lessee="rival", from_ms=1, to_ms=2, sign_by_ms=1, tariff=("plant", "p", 3)
    )
    assert (under.lessor, under.lessee, under.head, under.meters) == ("plant", "rival", "l-1", terms.meters)
    assert (under.tariff_owner, under.tariff, under.tariff_version) == ("plant", "p", 3)
    assert (under.security_deposit_minor, under.prepayment_minor, under.extension_ms) == (0, 0, 0)
    after = leases.transfer_terms(held, lessee="rival", from_ms=9, sign_by_ms=8)
    assert (after.lessor, after.lessee, after.from_ms, after.to_ms) == ("maker", "rival", 9, held.end_ms)
