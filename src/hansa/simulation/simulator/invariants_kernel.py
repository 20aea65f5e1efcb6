"""Promises of the kernel: who may sign, nothing twice, due work done, what is final stays, what is summed."""

from collections import Counter
from collections.abc import Iterator

from hansa.apps.rooms import release
from hansa.kernel import keys, limits
from hansa.kernel.lthash import EMPTY, digest, element, update
from hansa.simulation.simulator.invariants import OK, Finding, Promise, Scene, bodies, tag_of
from hansa.simulation.simulator.scenario import Happened
from hansa.simulation.simulator.traffic.picture import Picture
from hansa.simulation.simulator.world import World

UNSIGNED = (
    "kernel.wrong_signature",
    "kernel.unknown_key",
    "kernel.wrong_chain",
    "kernel.malformed",
    "kernel.not_canonical",
    "kernel.too_large",
    "kernel.too_nested",
)
"""What no correct node lets into a block (rule 29)."""
OWN = tuple(room.name for room in release().rooms)
"""Rooms of the release: their work always succeeds when it falls due."""
FINAL = (
    "consortium.calendars",
    "consortium.ballots",
    "consortium.publics",
    "metering.anchors",
    "metering.contradictions",
    "billing.tariffs",
    "billing.statements",
    "billing.billed",
    "billing.series",
    "billing.series_days",
    "billing.indices",
    "billing.numbers",
    "leasing.assets",
    "leasing.proposals",
    "leasing.jobs",
    "money.bank_entries",
)
"""Tables whose records are written once, and for ever."""


class Order(Promise):
    """Blocks follow each other; each transaction has one outcome."""

    def __init__(self) -> None:
        self._height = self._time_ms = 0

    def after(self, scene: Scene) -> Iterator[Finding]:
        block, applied = scene.happened
        if block.time_ms < self._time_ms:
            yield "time", f"block time went back from {self._time_ms} to {block.time_ms}"
        self._time_ms = block.time_ms
        if applied.leaf is not None:
            if applied.leaf.height != self._height + 1:
                yield "height", f"block {applied.leaf.height} follows block {self._height}"
            self._height = applied.leaf.height
        if not len(applied.transactions) == len(applied.outcomes) == len(applied.refusals):
            yield "outcomes", f"{len(applied.transactions)} transactions, {len(applied.outcomes)} outcomes"
        for incident in applied.incidents:
            if incident.what != "parked":
                yield "program fault", f"{incident.what}: {incident.detail}"
        for key, item in scene.changed("kernel.parked").items():
            if item is not None and item.handler.split(".")[0] in OWN:
                yield "program fault", f"work that fell due was refused as {item.code}: {key[1]}"


class Signed(Promise):
    """Whoever has something done holds a good key for it; no number of a key counts twice (rules 5, 6)."""

    def __init__(self) -> None:
        self._used: set[tuple[str, str, int]] = set()

    def before(self, picture: Picture, happened: Happened) -> Iterator[Finding]:
        for body, outcome, consumed in bodies(picture, happened):
            name = (body.member, body.key, body.sequence)
            if consumed and name in self._used:
                yield "used twice", f"sequence {body.sequence} of {body.member}/{body.key}"
            if consumed:
                self._used.add(name)
            key = picture.row("kernel.keys", body.member, body.key)
            if outcome.code != OK or key is None:
                continue
            who = f"{body.member}/{body.key}"
            at_ms = happened.block.time_ms
            if body.valid_until_ms <= at_ms:
                yield "expired", f"a transaction of {who} was done after its time"
            if key.expires_ms <= at_ms or (key.revoked_ms and key.revoked_ms <= at_ms):
                yield "dead key", f"{who} had something done after its end"
            for action in body.actions:
                if not keys.in_scope(key.scopes, tag_of(action)):
                    yield "scope", f"{who} signed {tag_of(action)}, which is not in its scopes"


class WellSigned(Promise):
    """No decided block holds what is badly signed: a proposer that puts it in is outvoted (rule 29)."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        applied = scene.happened.applied
        for outcome, used in zip(applied.outcomes, applied.consumed, strict=True):
            if not used and outcome.code in UNSIGNED:
                yield "badly signed", f"a block holds a transaction refused as {outcome.code}"


class Final(Promise):
    """What is written once stays as it is."""

    def before(self, picture: Picture, happened: Happened) -> Iterator[Finding]:
        changes = happened.applied.changes
        for (table, key), new in changes.items():
            if table in FINAL:
                old = picture.store.get(table, key)
                if old is not None and old != new:
                    yield "final", f"a record of {table} was {'changed' if new else 'deleted'}: {key!r}"


class Due(Promise):
    """What is due is done, in its order; nobody has more of it waiting than is allowed (rule 12)."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        if scene.touched("kernel.due", "kernel.pending", "kernel.parked"):
            yield from self.look(scene.picture)
        late = [
            key for key in scene.picture.rows("kernel.due") if int(key[0]) <= scene.happened.block.time_ms
        ]
        taken = sum(row is None for row in scene.changed("kernel.due").values())
        if late and taken < limits.DUE_PER_BLOCK_MAX:
            yield "due", f"{len(late)} pieces of work are due and were not done, such as {late[0]}"

    def look(self, picture: Picture) -> Iterator[Finding]:
        """Each member's account says what waits and what is parked for it."""
        waits: Counter[str] = Counter()
        for table in ("kernel.due", "kernel.parked"):
            waits.update(row.member for row in picture.rows(table).values())
        said = {str(key[0]): row.count for key, row in picture.rows("kernel.pending").items()}
        if said != dict(waits):
            yield "pending", f"accounts say {said}, but there are {dict(waits)}"
        for member, count in said.items():
            if count > limits.DUE_PER_MEMBER_MAX + 1:
                yield "pending", f"{count} pieces of work wait for {member}"


class Whole(Promise):
    """The digest in the last leaf is that of all that blocks wrote. (That every disk holds just this, the
    simulator sees by itself.)
    """

    def __init__(self) -> None:
        self._digest = ""

    def after(self, scene: Scene) -> Iterator[Finding]:
        leaf = scene.happened.applied.leaf
        self._digest = leaf.state_digest if leaf else self._digest
        return iter(())

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        elements = [element(table, key, value) for (table, key), value in picture.store.rows.items()]
        total = update(EMPTY, [], elements)
        if self._digest and digest(total) != self._digest:
            yield "digest", "the sum of all records is not what the last leaf says"
