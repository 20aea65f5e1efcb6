"""What a lease asks a second time, as it may not hold any more; and names and terms that could never be."""

from hansa.apps.billing.messages import Propose
from hansa.apps.leasing import errors
from hansa.apps.leasing.messages import ConsentSublease, Sublet, Transfer
from hansa.apps.leasing.messages_market import LeaseTerms
from hansa.apps.leasing.proposals import agreement_of
from hansa.kernel import Refusal
from tests.apps.leases import (
    DAY,
    FROM_MS,
    HOUR,
    TO_MS,
    confirmation,
    lease_terms,
    refused,
    running,
    signed,
    sublease,
)
from tests.apps.leasing import enquiry


def successor(currency: str = "CNY") -> LeaseTerms:
    """Rival takes over from the third day on."""
    changes = {"lessor": "maker", "lessee": "rival", "head": "", "currency": currency}
    return sublease(3, 4, sign_by_ms=FROM_MS + 3 * DAY, **changes)


def test_a_consent_names_a_member() -> None:
    ground = running()
    consent = ConsentSublease("l-1", "c-1", FROM_MS, TO_MS, member="nobody")
    assert refused(ground, "maker", consent, Refusal).code == "consortium.member_unknown"


def test_a_name_that_a_bargain_has_is_taken_for_subleases_and_transfers_too() -> None:
    ground = running()
    ground.consent("maker")
    later = lease_terms(from_ms=TO_MS + DAY, to_ms=TO_MS + 8 * DAY, sign_by_ms=TO_MS)
    ground.do("plant", enquiry("taken", later, until_ms=ground.now_ms + HOUR))
    for action in (Sublet("taken", sublease(2, 2)), Transfer("l-1", "taken", successor())):
        assert refused(ground, "plant", action, Refusal).code == "leasing.bargain_taken"


def test_nobody_takes_the_id_of_a_lease_to_come_for_an_agreement_of_its_own() -> None:
    ground = running()
    ground.consent("maker")
    later = lease_terms(from_ms=TO_MS + DAY, to_ms=TO_MS + 8 * DAY, sign_by_ms=TO_MS)
    ground.do("plant", enquiry("b-1", later, until_ms=ground.now_ms + HOUR))
    ground.do("plant", Sublet("s-1", sublease(2, 2)))
    ground.do("plant", Transfer("l-1", "n-1", successor()))
    terms = agreement_of(lease_terms())
    for name in ("b-1", "s-1", "n-1"):
        squatting = Propose(
            name, "bank", "rival", "maker", "t-1", 1, (), terms.terms, terms.from_ms, terms.to_ms
        )
        assert refused(ground, "rival", squatting, Refusal).code == "billing.agreement_taken"
    ground.sign("s-1")
    assert ground.lease("s-1").state == "signed"


def test_terms_that_could_never_be_signed_are_no_sublease_and_no_transfer() -> None:
    ground = running()
    ground.consent("maker")
    euros = sublease(2, 2, currency="EUR")
    for action in (Sublet("s-1", euros), Transfer("l-1", "n-1", successor("EUR"))):
        assert refused(ground, "plant", action, Refusal).code == "leasing.currency_mix"


def test_a_head_lease_that_was_sublet_after_the_report_is_not_returned() -> None:
    ground = running()
    ground.consent("maker")
    ground.move_to(FROM_MS + HOUR)
    ground.count((ground.now_ms, 110))
    report = ground.report(110, "out")
    ground.do("maker", report)
    ground.sublet("s-1", sublease(2, 2))
    refused(ground, "plant", confirmation(report, "maker"), errors.SubletStill)


def test_what_was_reported_in_time_is_not_taken_over_when_the_lease_is_as_good_as_over() -> None:
    ground = signed()
    ground.count((ground.now_ms, 5))
    report = ground.report(5)
    ground.do("maker", report)
    ground.now_ms = TO_MS - 1
    refused(ground, "plant", confirmation(report, "maker"), errors.HandoverOver)
