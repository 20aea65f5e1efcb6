"""The genesis file of a run: the scenario's companies under names and numbers of no real company."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hansa.apps.consortium.messages import (
    Genesis,
    GenesisKey,
    GenesisMember,
    ParameterValue,
    Registration,
    Validator,
)
from hansa.apps.consortium.registration import uscc_check_character
from hansa.apps.consortium.validators import AT_FOUNDING, message
from hansa.kernel import limits
from hansa.simulation.simulator.scenario import Company, KeyOf, Scenario
from hansa.simulation.simulator.signing import real_signer

START_MS = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1_000)
"""A Monday, 08:00 in Shanghai."""
KEY_LIFE_MS = 20 * 366 * limits.DAY_MS
POWER = 10


def consensus_key(member: str) -> str:
    """The name of the key by which a member's node votes on blocks from the start; see World.signer."""
    return f"{member}/validator"


def genesis(scenario: Scenario, more: Sequence[ParameterValue] = ()) -> Genesis:
    """What all nodes of the run start from; `more` parameters where the scenario has none of that name."""
    named = {each.name for each in scenario.parameters}
    parameters = (*scenario.parameters, *(each for each in more if each.name not in named))
    return Genesis(
        name_zh="模拟联盟",
        name_en="Simulated consortium",
        created_ms=START_MS,
        rules=limits.RULES_MAX,
        members=tuple(_member(company, at) for at, company in enumerate(scenario.companies)),
        parameters=parameters,
        validators=tuple(_validator(company.id) for company in scenario.companies if company.validates),
    )


def _member(company: Company, at: int) -> GenesisMember:
    return GenesisMember(
        id=company.id,
        name_zh=f"模拟{company.id}有限公司",
        name_en=f"Simulated {company.id} Ltd",
        keys=tuple(_key(company.id, key) for key in company.keys),
        registration=Registration(kind="uscc", number=uscc(at)),
        size="medium",
        roles=company.roles,
    )


def uscc(number: int) -> str:
    """A 统一社会信用代码 of the right form, its check character right; of no real company."""
    first = f"91310000HAN5A{number:04d}"
    return first + uscc_check_character(first)


def _key(member: str, key: KeyOf) -> GenesisKey:
    return GenesisKey(
        id=key.id,
        public=real_signer(f"{member}/{key.id}").public,
        holder=f"{member}-{key.id}",
        kind=key.kind,
        scopes=key.scopes,
        expires_ms=START_MS + KEY_LIFE_MS,
    )


def _validator(member: str) -> Validator:
    """Its proof is a real signature whatever the run's suite: a founding is checked as nodes check it."""
    held = real_signer(consensus_key(member))
    proof = held.sign(message(AT_FOUNDING, member, held.public))
    return Validator(member=member, public=held.public, power=POWER, proof=proof)
