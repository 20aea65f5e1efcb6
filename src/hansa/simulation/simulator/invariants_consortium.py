"""Promises of the consortium: one member one vote, several holders where a member wants them, sound sets."""

from collections.abc import Iterator
from typing import Any

from hansa.apps.consortium.messages_approvals import Approve
from hansa.apps.consortium.messages_votes import Vote
from hansa.kernel import keys
from hansa.simulation.simulator.invariants import Finding, Promise, Scene
from hansa.simulation.simulator.traffic.picture import Picture, Told
from hansa.simulation.simulator.world import World

ALL_BP = 10_000
MANAGE = "consortium.register_key"
OF_VOTE = (
    "consortium.status_changed",
    "consortium.parameter_changed",
    "consortium.member_admitted",
    "consortium.validators_changed",
    "consortium.activation_scheduled",
)
"""Events that name the vote that did it, if one did."""


class Votes(Promise):
    """What is adopted has the votes it needs, counted anew: one each, of members that are active."""

    def __init__(self, picture: Picture) -> None:
        self._active = {
            str(key[0]): row.status == "active" for key, row in picture.rows("consortium.members").items()
        }
        self._made: dict[str, dict[str, Any]] = {}
        self._cast: dict[str, dict[str, bool]] = {}
        self._counted: dict[str, tuple[int, int]] = {}
        """(yes, of how many) at the newest vote."""
        self._adopted: dict[str, None] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        asked = {(act.member, act.action.proposal) for act in scene.acts if isinstance(act.action, Vote)}
        for each in scene.told:
            look = self._LOOKS.get(each.tag)
            if look is not None:
                yield from look(self, each)
            if each.tag == "consortium.vote_cast":
                ballot = (each.fields["member"], each.fields["proposal"])
                if ballot not in asked:
                    yield "vote", f"{ballot[0]} is said to have voted on {ballot[1]}, and has not"
            if each.tag in OF_VOTE and each.fields.get("proposal"):
                yield from self._by_vote(scene, each)

    def _by_vote(self, scene: Scene, each: Told) -> Iterator[Finding]:
        name = each.fields["proposal"]
        if name not in self._adopted and not any(
            one.tag == "consortium.proposal_ended"
            and one.fields["proposal"] == name
            and one.fields["state"] == "adopted"
            for one in scene.told
        ):
            yield "vote", f"{each.tag} by {name}, which was not adopted"

    def _made_one(self, each: Told) -> Iterator[Finding]:
        self._made[each.fields["proposal"]] = each.fields
        if not self._active.get(each.fields["proposer"]):
            yield "vote", f"{each.fields['proposer']} proposed and is not active"

    def _cast_one(self, each: Told) -> Iterator[Finding]:
        name, member = each.fields["proposal"], each.fields["member"]
        cast = self._cast.setdefault(name, {})
        if member in cast:
            yield "vote", f"{member} voted twice on {name}"
        if not self._active.get(member):
            yield "vote", f"{member} voted on {name} and is not active"
        cast[member] = each.fields["yes"]
        subject = self._made[name]["subject"]
        about = subject.get("member", "") if subject["_type"] in ABOUT else ""
        voters = [each for each, active in self._active.items() if active and each != about]
        self._counted[name] = (sum(cast.get(each, False) for each in voters), len(voters))

    def _ended_one(self, each: Told) -> Iterator[Finding]:
        if each.fields["state"] == "adopted":
            self._adopted[each.fields["proposal"]] = None
            yield from self._announced_one(each)

    def _announced_one(self, each: Told) -> Iterator[Finding]:
        """By the votes as they stood when the last one was cast: what follows it can change who may vote."""
        name = each.fields["proposal"]
        yes, voters = self._counted.get(name, (0, 0))
        if not voters or yes * ALL_BP < self._made[name]["threshold_bp"] * voters:
            yield "vote", f"{name} was adopted with {yes} of {voters} votes"

    def _status(self, each: Told) -> Iterator[Finding]:
        self._active[each.fields["member"]] = each.fields.get("status", "active") == "active"
        return iter(())

    _LOOKS = {
        "consortium.proposal_made": _made_one,
        "consortium.vote_cast": _cast_one,
        "consortium.proposal_ended": _ended_one,
        "consortium.proposal_announced": _announced_one,
        "consortium.status_changed": _status,
        "consortium.member_admitted": _status,
    }

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        for key, row in picture.rows("consortium.members").items():
            if self._active.get(str(key[0])) != (row.status == "active"):
                yield "member", f"{key[0]} is {row.status}, and its events say otherwise"


ABOUT = ("suspend", "reinstate", "expel", "recover")
"""Subjects whose member has no vote."""


class Approvals(Promise):
    """What a member's rule held back is done only when enough other holders of it said so, in time."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Any]] = {}
        self._holders: dict[str, dict[str, None]] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        asked = {(act.member, act.action.held) for act in scene.acts if isinstance(act.action, Approve)}
        for each in scene.told:
            if each.tag == "consortium.held":
                self._held[each.fields["transaction"]] = each.fields
            elif each.tag == "consortium.approved":
                name = each.fields["held"]
                self._holders.setdefault(name, {})[each.fields["holder"]] = None
                if (each.fields["member"], name) not in asked:
                    yield "approval", f"{name[:12]} is said to be approved, and nobody of its member did"
                if scene.happened.block.time_ms >= self._held[name]["until_ms"]:
                    yield "approval", f"{name[:12]} was approved after its time"
            elif each.tag == "consortium.carried_out":
                yield from self._carried_out(each)

    def _carried_out(self, each: Told) -> Iterator[Finding]:
        name = each.fields["held"]
        held = self._held[name]
        holders = {held["holder"], *self._holders.get(name, {})}
        if len(holders) < held["holders"] and "consortium.recover" not in held["tags"]:
            yield "approval", f"{name[:12]} was done by {len(holders)} holders of {held['holders']}"


class Members(Promise):
    """No company is a member twice; each that stays can manage its keys; no key serves two members."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        if scene.touched("consortium.members", "kernel.keys"):
            yield from self.at_end(scene.picture)

    def at_end(self, picture: Picture, world: World | None = None) -> Iterator[Finding]:
        numbers: dict[tuple[str, str], str] = {}
        for (member,), row in picture.rows("consortium.members").items():
            number = (row.registration.kind, row.registration.number)
            if number in numbers:
                yield "member", f"{member} and {numbers[number]} are one company"
            numbers[number] = str(member)
        publics: dict[bytes, str] = {}
        managed: dict[str, None] = {}
        for (member, name), key in picture.rows("kernel.keys").items():
            if key.public in publics:
                yield "key", f"{member}/{name} is the key {publics[key.public]} as well"
            publics[key.public] = f"{member}/{name}"
            if not key.revoked_ms and keys.in_scope(key.scopes, MANAGE):
                managed[str(member)] = None
        for (member,), row in picture.rows("consortium.members").items():
            if row.status == "active" and member not in managed:
                yield "key", f"{member} has no key left that may manage keys"


class Validators(Promise):
    """The set is never empty, no consensus key serves twice, and each change is shown whole."""

    def __init__(self, picture: Picture) -> None:
        self._said = self._set(picture)

    def _set(self, picture: Picture) -> dict[str, tuple[bytes, int]]:
        rows = picture.rows("consortium.validators").items()
        return {str(key[0]): (row.public, row.power) for key, row in rows if row.status == "active"}

    def after(self, scene: Scene) -> Iterator[Finding]:
        told = [each for each in scene.told if each.tag == "consortium.validators_changed"]
        if not told and not scene.touched("consortium.validators", "consortium.consensus_keys"):
            return
        before, self._said = self._said, self._set(scene.picture)
        if before and not self._said:
            yield "validators", "nobody validates any more"
        if before != self._said and not told:
            yield "validators", "the set changed, and no event says so"
        if told:
            shown = {each["member"]: each["power"] for each in told[-1].fields["validators"]}
            if shown != {member: power for member, (_, power) in self._said.items()}:
                yield "validators", f"shown is {shown}, in force is {self._said}"
        yield from self._keys(scene.picture)

    def _keys(self, picture: Picture) -> Iterator[Finding]:
        owners: dict[bytes, str] = {}
        for key, row in picture.rows("consortium.consensus_keys").items():
            if row.public in owners:
                yield "validators", f"a consensus key of {row.member} is listed twice, as {key[0]}"
            owners[row.public] = row.member
        members = picture.rows("consortium.members")
        for member, (public, power) in self._said.items():
            if owners.get(public, member) != member:
                yield "validators", f"{member} validates by a key of {owners[public]}"
            if power <= 0 or members[member,].status != "active":
                yield "validators", f"{member} validates with power {power} and is {members[member,].status}"
