"""The evidence world with members that act in other ways: by keys from elsewhere, or by two people."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hansa.apps.consortium.messages_approvals import ApprovalRule, Approve, SetApproval
from hansa.kernel import Action
from tests.client.evidence_world import EvidenceWorld, made
from tests.consortium import Consortium

Prepare = Callable[[Consortium], None]


def nothing(_: Consortium) -> None:
    """All is as it was founded."""


def world_of(
    folder: Path,
    prepare: Prepare = nothing,
    *,
    consortium: Consortium | None = None,
    keys: Mapping[str, str] | None = None,
    approvers: Mapping[type[Action], Sequence[str]] | None = None,
    between: Prepare = nothing,
    change: Callable[[str, Action], tuple[str, Action]] = lambda member, action: (member, action),
) -> EvidenceWorld:
    """One day of the lease. `keys`: by which key a member signs instead of k1; `approvers`: of what kind of
    action is held, the keys that approve it, `between` proposal and approvals; `change`: another actor.
    """
    signed_by, approve = keys or {}, approvers or {}

    class Acting(EvidenceWorld):
        def do(self, member: str, *actions: Action, key: str = "k1") -> None:
            changed = [change(member, action) for action in actions]
            actor = changed[0][0]
            used = signed_by.get(actor, key) if key == "k1" else key
            receipt = self.consortium.do(actor, *(action for _, action in changed), key=used)
            for kind, by in approve.items():
                if any(isinstance(action, kind) for action in actions):
                    between(self.consortium)
                    for each in by:
                        self.consortium.do(actor, Approve(held=receipt.transaction), key=each)

    given = consortium or Consortium()
    prepare(given)
    return made(folder, given, Acting, days=1)


def guarded(member: str, action: str, holders: int = 2, days: int = 3) -> Prepare:
    """The member has k2, k3 of other people, and demands so many for this action."""

    def prepare(consortium: Consortium) -> None:
        names = ("k2", "k3")
        consortium.do(member, *(consortium.key(member, name, holder=f"{member}-{name}") for name in names))
        rule = ApprovalRule(action=action, holders=holders, days=days)
        consortium.do(member, SetApproval(rule=rule))

    return prepare
