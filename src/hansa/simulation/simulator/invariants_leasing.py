"""Promises of leasing: nothing is booked twice, a lease holds what both signed, subleases lie within."""

from collections.abc import Iterator
from itertools import pairwise

from hansa.apps.leasing.messages import (
    ConfirmHandover,
    Lease,
    ReportHandover,
    Sign,
)
from hansa.kernel import limits
from hansa.simulation.simulator.invariants import Finding, Promise, Scene
from hansa.simulation.simulator.traffic.picture import Key, Picture
from hansa.simulation.simulator.world import World

BINDING = ("signed", "running")


class Calendars(Promise):
    """No stretch of an asset's calendar is taken twice."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        calendars = {key[:3] for key in scene.changed("leasing.bookings")}
        if calendars:
            yield from self._look(scene.picture, calendars)

    def _look(self, picture: Picture, calendars: set[Key]) -> Iterator[Finding]:
        for calendar in sorted(calendars):
            rows = [row for row in picture.rows("leasing.bookings").items() if row[0][:3] == calendar]
            for (first, one), (second, other) in pairwise(sorted(rows, key=lambda row: row[0])):
                if one.to_ms > int(second[3]):
                    yield (
                        "calendar",
                        (
                            f"{first[1]} of {first[0]} is taken by {one.by} until {one.to_ms}, "
                            f"and by {other.by} from {second[3]}"
                        ),
                    )

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        rows = picture.rows("leasing.bookings")
        yield from self._look(picture, {key[:3] for key in rows})
        booked = {key[0]: row.slot for key, row in picture.rows("leasing.booked").items()}
        taken = {row.by: (*key, row.to_ms) for key, row in rows.items()}
        said = {
            name: (slot.asset_owner, slot.asset, slot.level, slot.from_ms, slot.to_ms)
            for name, slot in booked.items()
        }
        if said != taken:
            yield "calendar", "what is booked and where it is said to be booked differ"


class Signed(Promise):
    """A lease binds once both signed, and runs once one reported its handover and the other confirmed."""

    def __init__(self) -> None:
        self._signed: dict[str, dict[str, str]] = {}
        self._reported: dict[tuple[str, str], tuple[str, int]] = {}
        self._confirmed: dict[tuple[str, str], None] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        now_ms = scene.happened.block.time_ms
        for act in scene.acts:
            match act.action:
                case Sign(lease=name):
                    self._signed.setdefault(name, {})[act.member] = act.action.content
                case ReportHandover(lease=name):
                    self._reported[name, act.action.direction] = (act.member, now_ms)
                case ConfirmHandover(lease=name):
                    way = (name, act.action.direction)
                    by, at_ms = self._reported.get(way, ("", now_ms))
                    silent = way[1] == "out" and now_ms >= at_ms + limits.HANDOVER_SILENCE_MS
                    if not by or (by == act.member and not silent):
                        yield "handover", f"{act.member} confirmed its own report on {name}"
                    self._confirmed[way] = None
                case _:
                    pass
        for (key,), lease in scene.changed("leasing.leases").items():
            yield from self._of_lease(str(key), lease)

    def _of_lease(self, name: str, lease: Lease) -> Iterator[Finding]:
        parties = (lease.terms.lessor, lease.terms.lessee)
        signed = self._signed.get(name, {})
        if lease.state in ("signed", "running", "returned", "closed"):
            if any(signed.get(party) != lease.content for party in parties):
                yield "signature", f"{name} is {lease.state}, and was not signed by both as it stands"
            if lease.state != "signed" and not lease.replaces and (name, "in") not in self._confirmed:
                yield "handover", f"{name} runs, and nobody confirmed that it was handed over"
            if lease.state in ("returned", "closed") and (name, "out") not in self._confirmed:
                yield "handover", f"{name} is over, and nobody confirmed its return"


class Coherent(Promise):
    """Calendar, agreement, lease and head lease say the same."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        for (name,), lease in scene.changed("leasing.leases").items():
            yield from self._look(scene.picture, str(name), lease)

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        for (name,), lease in picture.rows("leasing.leases").items():
            yield from self._look(picture, str(name), lease)
        opened = {key for key, row in picture.rows("leasing.offers").items() if row.state == "open"}
        if {key[:2] for key in picture.rows("leasing.listed")} != opened:
            yield "board", "the board does not show the open offers"
        counted = {key[0]: row.open for key, row in picture.rows("leasing.offering").items() if row.open}
        for member, count in counted.items():
            if count != sum(key[0] == member for key in opened):
                yield "board", f"{member} is said to have {count} open offers"

    def _look(self, picture: Picture, name: str, lease: Lease) -> Iterator[Finding]:
        if lease.state not in BINDING:
            return
        agreement = picture.row("billing.agreements", name)
        booked = picture.row("leasing.booked", name)
        if agreement is None or agreement.state != "accepted" or agreement.to_ms != lease.end_ms:
            yield "lease", f"{name} is {lease.state}, and its agreement does not say so"
        elif lease.state == "running" and agreement.from_ms != lease.start_ms:
            yield "lease", f"{name} runs since {lease.start_ms}, and is billed since {agreement.from_ms}"
        slot = booked.slot if booked else None
        if slot is None or (slot.from_ms, slot.to_ms) != (lease.terms.from_ms, lease.end_ms):
            yield "calendar", f"{name} holds its asset, and the calendar does not say so"
        yield from self._under(picture, name, lease)

    def _under(self, picture: Picture, name: str, lease: Lease) -> Iterator[Finding]:
        if not lease.terms.head:
            return
        head = picture.row("leasing.leases", lease.terms.head)
        if head is None or head.state not in BINDING:
            # Of one whose end is long past nobody may ever have reported the return.
            if head is None or head.returned_ms < lease.end_ms + limits.HANDOVER_SILENCE_MS:
                yield "sublease", f"{name} hangs on {lease.terms.head}, which holds nothing"
        elif not (head.terms.from_ms <= lease.terms.from_ms and lease.end_ms <= head.end_ms):
            yield "sublease", f"{name} is longer than {lease.terms.head}"
        elif head.terms.lessee != lease.terms.lessor:
            yield "sublease", f"{name} is sublet by {lease.terms.lessor}, who does not hold it"


class Suspended(Promise):
    """No job begins while a lease, or one that it hangs on, is suspended; nor outside its time."""

    def before(self, picture: Picture, happened: object) -> Iterator[Finding]:
        self._before = {
            str(key[0]): row.suspended_from_ms for key, row in picture.rows("leasing.leases").items()
        }
        return iter(())

    def after(self, scene: Scene) -> Iterator[Finding]:
        now_ms = scene.happened.block.time_ms
        for (name, job), row in scene.changed("leasing.jobs").items():
            lease = scene.picture.row("leasing.leases", name)
            since_ms = lease.suspended_from_ms
            if 0 < since_ms <= now_ms and self._before.get(str(name)) == since_ms and row is not None:
                yield "suspended", f"job {job} began on {name}, which is suspended"
            if not lease.start_ms <= now_ms or not lease.start_ms:
                yield "job", f"job {job} began on {name}, which does not run yet"


class Deposits(Promise):
    """What secures a lease is held until it is over, and not longer."""

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        of: dict[str, str] = {}
        for (name,), fund in picture.rows("money.funds").items():
            if fund.kind == "security_deposit" and fund.subject:
                of[fund.subject] = fund.state
                lease = picture.row("leasing.leases", fund.subject)
                over = lease is not None and lease.state in ("void", "closed")
                if lease is not None and (fund.state != "open") != over:
                    yield "deposit", f"{name} is {fund.state}, and {fund.subject} is {lease.state}"
