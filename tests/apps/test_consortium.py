"""Members, keys and calendars: what a member may do with its own, and nobody else's."""

from hansa.apps.consortium.messages import Attest
from hansa.kernel import Attested
from tests.consortium import Consortium


def test_a_record_that_stands_is_shown_as_an_event(consortium: Consortium) -> None:
    consortium.do("maker", Attest(table="consortium.members", key=("plant",)))

    (shown,) = consortium.events(Attested)
    assert b"East China plant Ltd" in shown.record


def test_a_record_that_does_not_exist_is_not_attested(consortium: Consortium) -> None:
    refusal = consortium.refused("maker", Attest(table="consortium.members", key=("rival",)))

    assert refusal.code == "consortium.record_unknown"
