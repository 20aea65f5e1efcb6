"""Any sequence of registrations, rotations, revocations and recoveries: the ledger says what a model says."""

from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hansa.apps.consortium.messages import NewKey, Recover, RegisterKey, RevokeKey
from hansa.kernel import Action, limits
from tests.consortium import KEY_LIFE_MS, START_MS, Consortium, new_key

SCOPES: dict[str, tuple[str, ...]] = {
    "all": ("*",),
    "manager": ("consortium.register_key", "consortium.revoke_key"),
    "clerk": ("billing.*",),
    "recovery": ("consortium.recover",),
    "device": (),
}
NAMES = [f"n{n}" for n in range(20)]
LIFE_DAYS = 40

names = st.sampled_from(NAMES)
known = st.integers(0, 99)
"""Which of the keys that are there; now and then, one that is not."""
sorts = st.sampled_from(sorted(SCOPES))


@dataclass
class Held:
    """What the model knows of a key."""

    sort: str
    expires_ms: int
    revoked: bool = False

    def kind(self) -> str:
        return self.sort if self.sort in ("recovery", "device") else "person"


class Keyring(RuleBasedStateMachine):
    """One member, maker; all keys have one holder, so that any may replace any."""

    def __init__(self) -> None:
        super().__init__()
        self.consortium = Consortium()
        self.keys = {"k1": Held("all", START_MS + KEY_LIFE_MS)}

    def teardown(self) -> None:
        self.consortium.close()

    @initialize(others=st.lists(sorts, max_size=3))
    def more_keys(self, others: list[str]) -> None:
        for name, sort in zip(("safe", "a", "b", "c"), ("recovery", *others), strict=False):
            self.register(0, name, sort)

    def picked(self, which: int) -> str:
        return "nobody" if which == 99 else sorted(self.keys)[which % len(self.keys)]

    # What the rules say.

    def current(self, name: str) -> bool:
        key = self.keys.get(name)
        return key is not None and not key.revoked and self.consortium.clock() < key.expires_ms

    def signs(self, by: str, verb: str) -> str:
        """Why this key cannot sign the action, or ""."""
        if by not in self.keys:
            return "kernel.unknown_key"
        if self.keys[by].revoked:
            return "kernel.key_revoked"
        if not self.current(by):
            return "kernel.key_expired"
        scopes = SCOPES[self.keys[by].sort]
        return "" if "*" in scopes or f"consortium.{verb}" in scopes else "kernel.out_of_scope"

    def managed(self, without: tuple[str, ...] = ()) -> bool:
        return any(
            self.keys[name].sort in ("all", "manager")
            for name in self.keys
            if name not in without and self.current(name)
        )

    def grants(self, by: str, sort: str) -> bool:
        own = SCOPES[self.keys[by].sort]
        return "*" in own or all(scope in own for scope in SCOPES[sort])

    def recovery(self, without: tuple[str, ...] = ()) -> bool:
        return any(
            self.keys[name].sort == "recovery"
            for name in self.keys
            if name not in without and self.current(name)
        )

    def new(self, name: str, sort: str) -> NewKey:
        kind = sort if sort in ("recovery", "device") else "person"
        chain, expires_ms = self.consortium.node.chain.id, self.consortium.in_days(LIFE_DAYS)
        return new_key(
            chain, "maker", name, kind=kind, holder="maker-k1", scopes=SCOPES[sort], expires_ms=expires_ms
        )

    def expect(self, by: str, action: Action, code: str) -> bool:
        assert self.consortium.submit("maker", action, key=by).code == (code or "ok")
        return not code

    # What may happen.

    @rule(which=known, name=names, sort=sorts)
    def register(self, which: int, name: str, sort: str) -> None:
        by = self.picked(which)
        code = self.signs(by, "register_key")
        if not code and sort == "recovery" and self.recovery():
            code = "consortium.recovery_key_stays"
        elif not code and name in self.keys:
            code = "consortium.key_taken"
        elif not code and not self.grants(by, sort):
            code = "consortium.scope_beyond_own"
        if self.expect(by, RegisterKey(key=self.new(name, sort)), code):
            self.keys[name] = Held(sort, self.consortium.in_days(LIFE_DAYS))

    @rule(which=known, replaced=known, name=names, sort=sorts, days=st.sampled_from([0, 3, 3, 91]))
    def rotate(self, which: int, replaced: int, name: str, sort: str, days: int) -> None:
        by, old = self.picked(which), self.picked(replaced)
        code = self.signs(by, "register_key")
        if not code:
            code = self.unfit_rotation(by, old, name, sort, days)
        overlap_ms = days * limits.DAY_MS
        action = RegisterKey(key=self.new(name, sort), replaces=old, overlap_ms=overlap_ms)
        if self.expect(by, action, code):
            ends_ms = min(self.keys[old].expires_ms, self.consortium.clock() + overlap_ms)
            self.keys[old].expires_ms = ends_ms
            self.keys[name] = Held(sort, self.consortium.in_days(LIFE_DAYS))

    def unfit_rotation(self, by: str, old: str, name: str, sort: str, days: int) -> str:
        if days > 90:
            return "consortium.overlap_invalid"
        if old not in self.keys:
            return "consortium.key_unknown"
        if not self.current(old):
            return "kernel.key_revoked" if self.keys[old].revoked else "kernel.key_expired"
        of = SCOPES[self.keys[old].sort]
        if self.keys[old].kind() != Held(sort, 0).kind() or not ("*" in of or set(SCOPES[sort]) <= set(of)):
            return "consortium.rotation_differs"
        if sort == "recovery":
            return "consortium.recovery_key_stays"
        if name in self.keys:
            return "consortium.key_taken"
        if not self.grants(by, sort):
            return "consortium.scope_beyond_own"
        loses = self.keys[old].sort in ("all", "manager") and sort not in ("all", "manager")
        return "consortium.no_managing_key" if loses and not self.managed((old,)) else ""

    @rule(which=known, ended=known)
    def revoke(self, which: int, ended: int) -> None:
        by, name = self.picked(which), self.picked(ended)
        code = self.signs(by, "revoke_key")
        if not code and name not in self.keys:
            code = "consortium.key_unknown"
        elif not code and not self.keys[name].revoked:
            if self.keys[name].sort == "recovery":
                code = "consortium.recovery_key_stays"
            elif self.keys[name].sort in ("all", "manager") and not self.managed((name,)):
                code = "consortium.no_managing_key"
        if self.expect(by, RevokeKey(id=name), code):
            self.keys[name].revoked = True

    @rule(which=known, name=names, sort=sorts, chosen=st.lists(known, max_size=3))
    def recover(self, which: int, name: str, sort: str, chosen: list[int]) -> None:
        by, ended = self.picked(which), [self.picked(each) for each in chosen]
        safe = next((n for n in self.keys if self.keys[n].sort == "recovery" and self.current(n)), by)
        by = safe if which % 4 else by
        code = self.signs(by, "recover")
        if not code:
            code = self.unfit_recovery(by, name, sort, ended)
        if self.expect(by, Recover(revoke=tuple(ended), keys=(self.new(name, sort),)), code):
            for each in (*ended, *([by] if sort == "recovery" else [])):
                self.keys[each].revoked = True
            self.keys[name] = Held(sort, self.consortium.in_days(LIFE_DAYS))

    def unfit_recovery(self, by: str, name: str, sort: str, ended: list[str]) -> str:
        if self.keys[by].sort != "recovery":
            return "consortium.recovery_key_only"
        if by in ended and sort != "recovery":
            return "consortium.recovery_key_stays"
        if any(each not in self.keys for each in ended):
            return "consortium.key_unknown"
        if name in self.keys:
            return "consortium.key_taken"
        manages = sort in ("all", "manager")
        return "" if manages or self.managed((*ended, by)) else "consortium.no_managing_key"

    @rule(days=st.integers(1, 15))
    def days_pass(self, days: int) -> None:
        self.consortium.clock.advance(days=days)

    # What always holds.

    @invariant()
    def the_ledger_says_the_same(self) -> None:
        shown = dict(self.consortium.query("consortium.keys_of", member="maker"))
        assert {
            name: (key["kind"], tuple(key["scopes"]), key["expires_ms"], bool(key.get("revoked_ms")))
            for name, key in shown.items()
        } == {
            name: (key.kind(), SCOPES[key.sort], key.expires_ms, key.revoked)
            for name, key in self.keys.items()
        }

    @invariant()
    def a_key_that_manages_is_never_given_away(self) -> None:
        """It may expire; it is not revoked as the last one."""
        assert any(key.sort in ("all", "manager") and not key.revoked for key in self.keys.values())

    @invariant()
    def there_is_one_recovery_key_at_most(self) -> None:
        assert sum(self.keys[name].sort == "recovery" for name in self.keys if self.current(name)) <= 1


Keyring.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestKeyring = Keyring.TestCase
