"""What a person reads before confirming: what a yes makes of it must be what it then makes."""

import pytest

from hansa.apps.billing.messages import Agreement
from hansa.apps.billing.tariff import Tariff
from hansa.client.standing import standing
from tests.apps.statements import PIECES, Desk
from tests.apps.tariffs import calendar_of
from tests.apps.test_statement_parties import CREDITED, SHARED


def told(desk: Desk) -> list[str]:
    agreement: Agreement = desk.one("billing.agreement_of", Agreement, agreement="g-1")
    texts = standing(agreement, desk.statement(), desk.life(), calendar_of("Asia/Shanghai"), desk.now_ms)
    assert all(text.zh != text.en for text in texts)
    return [text.en for text in texts if " owes " in text.en]


@pytest.mark.parametrize(("tariff", "debts"), [(PIECES, 1), (CREDITED, 1), (SHARED, 2)])
@pytest.mark.parametrize("disputed", [0, 1])
def test_what_a_yes_makes_of_it_is_what_it_then_makes(tariff: Tariff, debts: int, disputed: int) -> None:
    desk = Desk(tariff=tariff)
    desk.close()
    if disputed:
        desk.dispute("plant", 2)
    before = told(desk)
    assert len(before) == debts
    desk.confirm(*(("maker",) if disputed else ()))
    after = [text.partition("; payment reference")[0] + "." for text in told(desk)]
    assert [text.removeprefix("Once both confirmed: ") for text in before] == after
