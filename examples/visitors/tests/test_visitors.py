"""What the room promises, tried on a ledger in memory: run `pytest` in the example's folder."""

from visitors.contract import ROOM
from visitors.messages import Admit, Leave, Overstayed

from hansa.engines.trial import Trial
from hansa.kernel.limits import HOUR_MS


def visit(trial: Trial, hours: int, company: str = "maker") -> Admit:
    return Admit(visitor="v-17", company=company, until_ms=trial.time_ms + hours * HOUR_MS)


def test_everybody_sees_who_is_at_a_plant() -> None:
    trial = Trial(ROOM)
    trial.do("plant", visit(trial, hours=8))
    assert [found["company"] for found in trial.query("visitors.inside", plant="plant")] == ["maker"]
    trial.do("plant", Leave(visitor="v-17"))
    assert trial.query("visitors.inside", plant="plant") == []


def test_only_people_of_members_and_for_a_day_at_most() -> None:
    trial = Trial(ROOM)
    assert trial.refused("plant", visit(trial, hours=25)) == "visitors.too_long"
    assert trial.refused("plant", visit(trial, hours=8, company="nobody")) == "visitors.company_unknown"
    assert trial.refused("plant", Leave(visitor="v-17")) == "visitors.not_inside"


def test_who_stays_too_long_is_announced_once() -> None:
    trial = Trial(ROOM)
    trial.do("plant", visit(trial, hours=2))
    trial.wait(9 * HOUR_MS)
    trial.wait(9 * HOUR_MS)
    assert trial.events(Overstayed) == [Overstayed(plant="plant", visitor="v-17")]
