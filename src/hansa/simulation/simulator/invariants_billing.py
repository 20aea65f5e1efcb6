"""Promises of billing: sums reckoned anew, periods without gap or overlap, debts that are what is agreed."""

from collections.abc import Iterator

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.messages_life import Life
from hansa.kernel import limits
from hansa.simulation.simulator.invariants import Finding, Promise, Scene
from hansa.simulation.simulator.traffic.picture import Picture
from hansa.simulation.simulator.world import World

BP = 10_000


def share_minor(amount: int, rate_bp: int, whole: int) -> int:
    """amount × rate ÷ whole, half up away from zero."""
    doubled = 2 * abs(amount) * rate_bp + whole
    found = doubled // (2 * whole)
    return found if amount >= 0 else -found


class Sums(Promise):
    """Lines come to the sums, tax is that of its rate, counted is what was recorded."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        for key, found in scene.changed("billing.statements").items():
            if found is not None:
                yield from self._look(f"{key[0]} of {key[1]}", found)

    def _look(self, name: str, found: Statement) -> Iterator[Finding]:
        for sums, lines in (
            ("net_minor", sum(line.net_minor for line in found.lines)),
            ("tax_minor", sum(line.tax_minor for line in found.lines)),
            ("gross_minor", sum(line.gross_minor for line in found.lines)),
        ):
            if getattr(found, sums) != lines:
                yield "sum", f"{sums} of {name} is {getattr(found, sums)}, its lines come to {lines}"
        if found.gross_minor != found.net_minor + found.tax_minor:
            yield "sum", f"gross of {name} is not net and tax"
        for line in found.lines:
            if line.gross_minor != line.net_minor + line.tax_minor:
                yield "sum", f"line {line.number} of {name}: gross is not net and tax"
        for rate in found.by_rate:
            if not found.tax_included:
                tax_minor = share_minor(rate.net_minor, rate.tax_rate_bp, BP)
                if rate.tax_minor != tax_minor:
                    yield "tax", f"tax of {name} at {rate.tax_rate_bp} is {rate.tax_minor}, not {tax_minor}"


class Periods(Promise):
    """Each instant of an agreement is billed once, and not before its period was over."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        for (name, period_ms), found in scene.changed("billing.statements").items():
            if found is None:
                continue
            agreement = scene.picture.row("billing.agreements", name)
            begins = self._until.get(str(name), agreement.from_ms)
            if period_ms != begins or found.period.from_ms != period_ms:
                yield "period", f"{name} is billed from {period_ms} on, after {begins}"
            if found.period.to_ms > agreement.to_ms:
                yield "period", f"{name} is billed until {found.period.to_ms}, beyond its end"
            if found.period.to_ms + agreement.terms.cut_off_ms > scene.happened.block.time_ms:
                yield "period", f"{name} was closed before its time"
            self._until[str(name)] = found.period.to_ms


ESTIMATED = ("last_rate", "average_day")
"""Rules of gaps by which more may be billed than was counted."""


class Counted(Promise):
    """What an agreement bills of a counter in all is no more than it counted, unless gaps are estimated."""

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        for (name,), agreement in picture.rows("billing.agreements").items():
            if agreement.state != "accepted":
                continue
            for binding in agreement.meters:
                feed = picture.row("metering.feeds", binding.owner, binding.feed)
                rules = {gap.meter: gap.rule for gap in agreement.terms.gaps}
                if feed is None or feed.kind != "counter" or rules[binding.meter] in ESTIMATED:
                    continue
                billed = self._billed(picture, str(name), binding.meter)
                counted = self._counted(picture, binding.owner, binding.feed)
                if billed > counted:
                    yield "counted", f"{name} bills {billed} of {binding.feed}, which counted {counted}"

    def _billed(self, picture: Picture, name: str, meter: str) -> int:
        """Pieces of clauses by the piece; base units are pieces in this traffic."""
        return sum(
            line.quantity_base
            for (of, _), found in picture.rows("billing.statements").items()
            if of == name
            for line in found.lines
            if getattr(line, "meter", "") == meter
        )

    def _counted(self, picture: Picture, owner: str, feed: str) -> int:
        """From its first good value on, life by life."""
        rows = sorted(
            (key, row)
            for key, row in picture.rows("metering.records").items()
            if key[:2] == (owner, feed) and row.good
        )
        counted, last = 0, -1
        for _, row in rows:
            shown = row.value if row.life else row.total
            counted += max(0, shown - last) if last >= 0 else 0
            last = row.start_value if row.life else shown
        return counted


class Debts(Promise):
    """What is owed of a statement is what both parties agree to: by their own words, not by the ledger's."""

    def after(self, scene: Scene) -> Iterator[Finding]:
        for (name, period_ms), life in scene.changed("billing.lives").items():
            yield from self._look(scene.picture, str(name), int(period_ms), life)

    def at_end(self, picture: Picture, world: World) -> Iterator[Finding]:
        for (name, period_ms), life in picture.rows("billing.lives").items():
            yield from self._look(picture, str(name), int(period_ms), life)
        yield from self._counts(picture)

    def _look(self, picture: Picture, name: str, period_ms: int, life: Life) -> Iterator[Finding]:
        if not life.parts:
            return
        statement = picture.row("billing.statements", name, period_ms)
        owed = 0
        for part in life.parts:
            found = picture.row("money.obligations", part.obligation)
            if found is None:
                yield "debt", f"{part.obligation} of {name} is no obligation"
                return
            if not part.back_of:
                net = found.agreed_minor - found.lessened_minor + part.waived_minor
                owed += net if found.debtor == statement.user else -net
        wanted = agreed_minor(picture, name, period_ms, statement, life)
        if owed != wanted:
            yield "debt", f"{owed} is owed for {name} from {period_ms} on, agreed is {wanted}"

    def _counts(self, picture: Picture) -> Iterator[Finding]:
        """What is open of each agreement, counted anew."""
        found: dict[str, list[int]] = {}
        for (name, _), life in picture.rows("billing.lives").items():
            counts = found.setdefault(str(name), [0, 0, 0])
            counts[0] += not life.settled_ms
            counts[1] += bool(life.disputes)
            counts[2] += any(part.overdue and part.amount_minor for part in life.parts)
        for name, counts in found.items():
            row = picture.row("billing.open", name)
            said = [row.unsettled, row.disputed, row.overdue] if row else [0, 0, 0]
            if said != counts:
                yield "open", f"{name} is said to have {said} open, disputed, overdue, and has {counts}"


def agreed_minor(picture: Picture, name: str, period_ms: int, statement: Statement, life: Life) -> int:
    """The smaller of the parties' two words, reckoned from lines, corrections that count, and disputes."""
    standing = {line.number: line.gross_minor for line in statement.lines}
    for (of, at, _), correction in picture.rows("billing.corrections").items():
        if of == name and at == period_ms and correction.effective_ms:
            for line in correction.lines:
                standing[line.line] += line.gross_minor
    disputed = {line for dispute in life.disputes for line in dispute.lines}
    whole = sum(standing.values())
    user = whole - sum(standing[line] for line in disputed if standing[line] > 0)
    provider = whole - sum(standing[line] for line in disputed if standing[line] < 0)
    return user if user > 0 else min(provider, 0)


class Confirmed(Promise):
    """A statement that both confirmed was confirmed by both, or by silence where that is agreed."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, int], dict[str, str]] = {}

    def after(self, scene: Scene) -> Iterator[Finding]:
        for each in scene.told:
            if each.tag in ("billing.confirmed", "billing.disputed") and each.fields.get("by"):
                at = (each.fields["agreement"], each.fields["period_ms"])
                self._said.setdefault(at, {})[each.fields["by"]] = each.tag
        asked = {
            (act.member, getattr(act.action, "agreement", ""), getattr(act.action, "period_ms", -1))
            for act in scene.acts
        }
        for each in scene.told:
            if each.tag == "billing.confirmed" and each.fields.get("by"):
                mark = (each.fields["by"], each.fields["agreement"], each.fields["period_ms"])
                if mark not in asked:
                    yield "confirmed", f"{mark[0]} is said to have confirmed {mark[1]}, and has not"
        for (name, period_ms), life in scene.changed("billing.lives").items():
            if not life.confirmed_ms:
                continue
            statement = scene.picture.row("billing.statements", name, period_ms)
            terms = scene.picture.row("billing.agreements", name).terms.settlement
            said = self._said.get((str(name), int(period_ms)), {})
            silent = terms.silence_days * limits.DAY_MS
            for party in (statement.user, statement.provider):
                if party not in said and not (silent and life.confirmed_ms >= life.stated_ms + silent):
                    yield "confirmed", f"{name} from {period_ms} on counts as confirmed, {party} said nothing"
