"""The tables of the room."""

from hansa.apps.consortium.messages import (
    CalendarRecord,
    Charter,
    CosignerSet,
    KeyOwner,
    Member,
    MemberV1,
    Parameter,
    Registered,
    Registration,
)
from hansa.apps.consortium.messages_approvals import ApprovalRules, HeldActions, HeldTransaction
from hansa.apps.consortium.messages_validators import ConsensusKey, ValidatorSeat
from hansa.apps.consortium.messages_votes import Ballot, OpenProposal, Proposal
from hansa.kernel import Table


def upgraded(old: MemberV1) -> Member:
    """A member from the time of rules 1: its number was never checked, its role was free text."""
    return Member(
        name_zh=old.name_zh,
        name_en=old.name_en,
        registration=Registration(kind="unchecked", number=old.register_id),
        size="",
        roles=(),
        status="active",
        since_ms=0,
    )


MEMBERS = Table("consortium.members", key=("member",), record=Member, older={MemberV1: upgraded})
REGISTRATIONS = Table("consortium.registrations", key=("kind", "number"), record=Registered)
PUBLICS = Table("consortium.publics", key=("public",), record=KeyOwner)
"""By public key, in hexadecimal."""
CALENDARS = Table("consortium.calendars", key=("member", "calendar"), record=CalendarRecord)

COSIGNERS = Table("consortium.cosigners", key=("since",), record=CosignerSet, integers=("since",))
"""Every set since the founding, by the first height whose header it makes final."""
VALIDATORS = Table("consortium.validators", key=("member",), record=ValidatorSeat)
"""Seats of a network's validators; none on a chain with an operator."""
CONSENSUS_KEYS = Table("consortium.consensus_keys", key=("address",), record=ConsensusKey)
"""Of all times, by the engine's address of a key."""
CHARTER = Table("consortium.charter", key=("charter",), record=Charter)
"""One record, under "charter"."""
PARAMETERS = Table("consortium.parameters", key=("name",), record=Parameter)

PROPOSALS = Table("consortium.proposals", key=("proposal",), record=Proposal)
BALLOTS = Table("consortium.ballots", key=("proposal", "member"), record=Ballot)
OPEN = Table("consortium.open", key=("member", "proposal"), record=OpenProposal)

APPROVAL_RULES = Table("consortium.approval_rules", key=("member",), record=ApprovalRules)
HELD = Table("consortium.held", key=("member", "transaction"), record=HeldTransaction)
HELD_ACTIONS = Table("consortium.held_actions", key=("member", "transaction"), record=HeldActions)
