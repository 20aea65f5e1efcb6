"""Promises of money: it is conserved, moves as often as members asked, and lists name what is open."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from hansa.apps.money.conservation import Books, breaches
from hansa.apps.money.messages import Apply, Receive, SetOff
from hansa.apps.money.messages_bank import (
    AttestDeposit,
    AttestWithdrawal,
    Capture,
    Pay,
    SetAside,
    Transfer,
)
from hansa.apps.money.receipts import unapplied_minor
from hansa.simulation.simulator.invariants import Finding, Promise, Scene
from hansa.simulation.simulator.traffic.picture import Picture, Told
from hansa.simulation.simulator.world import World

AMOUNTS = (
    "money.obligations",
    "money.payments",
    "money.receipts",
    "money.shares",
    "money.funds",
    "money.balances",
    "money.issued",
    "money.holds",
    "money.withdrawals",
)
"""Tables whose records carry amounts."""
EVERY = 10
"""All books are added up after every so many blocks that touched them, and at the end."""


def books_of(picture: Picture) -> Books:
    """All records that carry amounts."""
    rows: list[Any] = [picture.rows(table) for table in AMOUNTS]
    single = (0, 4, 7)
    named = [
        {key[0]: row for key, row in found.items()} if number in single else found
        for number, found in enumerate(rows)
    ]
    return Books(*named)


class Conserved(Promise):
    """Nothing is made and nothing is lost."""

    def __init__(self) -> None:
        self._touched = 0

    def after(self, scene: Scene) -> Iterator[Finding]:
        self._touched += scene.touched(*AMOUNTS)
        if self._touched >= EVERY:
            self._touched = 0
            yield from self._add_up(scene.picture)

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        return self._add_up(picture)

    def _add_up(self, picture: Picture) -> Iterator[Finding]:
        for each in breaches(books_of(picture)):
            yield (
                "conservation",
                f"{each.rule} of {each.about} is {each.is_minor}, not {each.should_be_minor}",
            )


Mark = tuple[Any, ...]
"""What an act and its event have in common."""


ASKED: dict[type[Any], tuple[Callable[[str, Any], Mark], str, str, tuple[str, ...]]] = {
    AttestDeposit: (
        lambda by, a: (by, a.owner, a.amount_minor),
        "money.posted",
        "deposit",
        ("bank", "to_owner", "amount_minor"),
    ),
    AttestWithdrawal: (
        lambda by, a: (by, a.owner, a.withdrawal),
        "money.posted",
        "withdrawal",
        ("bank", "from_owner", "subject"),
    ),
    Transfer: (
        lambda by, a: (by, a.payee, a.amount_minor),
        "money.posted",
        "transfer",
        ("from_owner", "to_owner", "amount_minor"),
    ),
    Pay: (
        lambda by, a: (by, a.obligation, a.amount_minor),
        "money.posted",
        "payment",
        ("from_owner", "subject", "amount_minor"),
    ),
    SetAside: (
        lambda by, a: (by, a.amount_minor),
        "money.posted",
        "hold",
        ("from_owner", "amount_minor"),
    ),
    Capture: (lambda _, a: (a.amount_minor,), "money.posted", "capture", ("amount_minor",)),
    Receive: (
        lambda by, a: (by, a.entry, a.amount_minor),
        "money.received",
        "",
        ("creditor", "entry", "amount_minor"),
    ),
    Apply: (lambda by, a: (by, a.entry), "money.applied", "", ("creditor", "entry")),
    SetOff: (
        lambda _, a: (a.obligation, a.against, a.amount_minor),
        "money.has_set_off",
        "",
        ("obligation", "against", "amount_minor"),
    ),
}
"""Act → (its mark, event that tells of it, why it was posted, fields that make the same mark)."""
TOLD = {(tag, why): (kind, fields) for kind, (_, tag, why, fields) in ASKED.items()}


class AsAsked(Promise):
    """Each payment, deposit, transfer was asked for by its member, and done once."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        wanted: Counter[tuple[type[Any], Mark]] = Counter()
        for act in scene.acts:
            kind = type(act.action)
            if kind in ASKED:
                wanted[kind, ASKED[kind][0](act.member, act.action)] += 1
        done: Counter[tuple[type[Any], Mark]] = Counter()
        for each in scene.told:
            found = TOLD.get((each.tag, each.fields.get("why", "")))
            if found is not None:
                kind, fields = found
                done[kind, tuple(each.fields.get(name, "") for name in fields)] += 1
        for kind, mark in (*wanted, *done):
            if wanted[kind, mark] != done[kind, mark]:
                yield (
                    "as asked",
                    (
                        f"{kind.__name__} {mark} was asked for {wanted[kind, mark]} times and done "
                        f"{done[kind, mark]} times"
                    ),
                )


class Paid(Promise):
    """What pays an obligation is what events say that it was paid with; an entry of a bank counts once."""

    def __init__(self) -> None:
        self._paid: Counter[tuple[str, str]] = Counter()
        """By obligation and what paid it."""
        self._entries: set[tuple[str, str]] = set()

    def after(self, scene: Scene) -> Iterator[Finding]:
        touched: dict[tuple[str, str], None] = {}
        for each in scene.told:
            for name, by, amount_minor in self._moved(scene.picture, each):
                self._paid[name, by] += amount_minor
                touched[name, by] = None
            if each.tag == "money.received":
                entry = (each.fields["creditor"], each.fields["entry"])
                if entry in self._entries:
                    yield "receipt", f"{entry[0]} recorded the payment {entry[1][:12]} twice"
                self._entries.add(entry)
            elif each.tag == "money.reversed" and each.fields.get("whole"):
                self._entries.discard((each.fields["creditor"], each.fields["entry"]))
        for obligation, source, _ in scene.changed("money.payments"):
            touched[str(obligation), str(source)] = None
        if touched:
            found: Counter[tuple[str, str]] = Counter()
            for (of, source, _), row in scene.picture.rows("money.payments").items():
                if (of, source) in touched:
                    found[str(of), str(source)] += row.amount_minor
            for name, by in touched:
                if found[name, by] != self._paid[name, by]:
                    yield (
                        "paid",
                        (
                            f"{name} is said to be paid {found[name, by]} by {by}, "
                            f"and {self._paid[name, by]} came"
                        ),
                    )

    def _moved(self, picture: Picture, each: Told) -> Iterator[tuple[str, str, int]]:
        """(obligation, by what, how much) of an event."""
        fields = each.fields
        match each.tag:
            case "money.received" | "money.applied" | "money.reversed":
                sign = -1 if each.tag == "money.reversed" else 1
                for given in fields.get("allocations", ()):
                    yield given["obligation"], "receipt", sign * given["amount_minor"]
            case "money.has_set_off":
                yield fields["obligation"], "set_off", fields["amount_minor"]
                yield fields["against"], "set_off", fields["amount_minor"]
            case "money.fund_drawn":
                yield fields["obligation"], "fund", fields["amount_minor"]
            case "money.posted" if fields["why"] == "payment":
                yield fields["subject"], "claims", fields["amount_minor"]
            case "money.posted" if fields["why"] == "capture":
                if picture.row("money.obligations", fields["subject"]) is not None:
                    yield fields["subject"], "hold", fields["amount_minor"]


class Pots(Promise):
    """What each pot at a bank holds is what was posted into it, less what was posted out of it."""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, ...]] = Counter()

    def after(self, scene: Scene) -> Iterator[Finding]:
        touched: dict[tuple[str, ...], None] = {}
        for each in scene.told:
            if each.tag == "money.posted":
                for side, sign in (("from", -1), ("to", 1)):
                    owner = each.fields.get(f"{side}_owner", "")
                    if owner:
                        bank, currency = each.fields["bank"], each.fields["currency"]
                        pot = (bank, owner, currency, each.fields[f"{side}_pot"])
                        self._held[pot] += sign * each.fields["amount_minor"]
                        touched[pot] = None
        for key in scene.changed("money.balances"):
            touched[tuple(map(str, key))] = None
        for at in touched:
            row = scene.picture.row("money.balances", *at)
            found = row.amount_minor if row else 0
            if found != self._held[at]:
                yield "pot", f"{'.'.join(at)} holds {found}, and {self._held[at]} was posted"


class Lists(Promise):
    """Lists name what is open and nothing else; what is overdue is told."""

    def __init__(self) -> None:
        self._overdue: set[str] = set()

    def after(self, scene: Scene) -> Iterator[Finding]:
        for each in scene.told:
            if each.tag == "money.overdue":
                self._overdue.add(each.fields["obligation"])
                row = scene.picture.row("money.obligations", each.fields["obligation"])
                if row.due_ms > scene.happened.block.time_ms:
                    yield "overdue", f"{each.fields['obligation']} is called overdue before it is due"
        if scene.touched(
            "money.owed_to", "money.owed_by", "money.unapplied", "money.holds_of", "money.asked"
        ):
            yield from self._changed(scene)

    def _changed(self, scene: Scene) -> Iterator[Finding]:
        """Of the obligations that the block wrote."""
        for (name,), row in scene.changed("money.obligations").items():
            listed = row.state == "open"
            for table, member in (("money.owed_to", row.creditor), ("money.owed_by", row.debtor)):
                if (scene.picture.row(table, member, row.due_ms, name) is not None) != listed:
                    yield "list", f"{name} is {row.state}, and {table} says otherwise"

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        owed = {key[0]: row for key, row in picture.rows("money.obligations").items() if row.state == "open"}
        for table, side in (("money.owed_to", "creditor"), ("money.owed_by", "debtor")):
            wanted = {(getattr(row, side), row.due_ms, name) for name, row in owed.items()}
            if picture.rows(table).keys() != wanted:
                yield "list", f"{table} does not name what is open"
        left = {
            (key[0], row.payer, key[1])
            for key, row in picture.rows("money.receipts").items()
            if unapplied_minor(row)
        }
        if picture.rows("money.unapplied").keys() != left:
            yield "list", "money.unapplied does not name what is unapplied"
        soon = {name for _, work in picture.rows("kernel.due").items() for name in work.arguments}
        for name, row in owed.items():
            if (
                row.due_ms <= picture.time_ms
                and not {name, row.creditor} & soon
                and name not in self._overdue
            ):
                yield "overdue", f"{name} is overdue, and nobody was told"
        for key, hold in picture.rows("money.holds").items():
            if hold.state == "open" and hold.expires_ms <= picture.time_ms:
                yield "hold", f"{key[0]} has expired and is open"
