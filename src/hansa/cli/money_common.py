"""What the commands of `hansa money` share: signing, dates, and which obligation is meant."""

import functools
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import click

from hansa.apps.money.messages import Allocation
from hansa.apps.money.queries import ListedObligation
from hansa.cli.common import Desk, Language, NotFound, acting, desk
from hansa.cli.sending import act
from hansa.kernel import Action, limits

DAY = click.DateTime(formats=["%Y-%m-%d"])


def signing(command: Callable[..., Sequence[Action]]) -> Callable[..., None]:
    """Signs and sends the actions that a command returns, or shows them with --dry-run."""

    @functools.wraps(command)
    def run(lang: Language, profile_name: str, yes: bool, dry_run: bool, as_json: bool, **given: Any) -> None:
        at = desk(lang, profile_name)
        act(at, command(at, **given), dry_run=dry_run, yes=yes, as_json=as_json)

    sending: Callable[..., None] = run
    return acting(click.pass_obj(sending))


currency_option = click.option("--currency", default="CNY", show_default=True, help="ISO 4217. 币种。")


def items(at: Desk, query: str, **arguments: Any) -> list[ListedObligation]:
    """The whole of a list of obligations."""
    found: list[ListedObligation] = at.ask_all(
        f"money.{query}", ListedObligation, lambda each: each.id, **arguments
    )
    return found


def instant_of(day: datetime) -> int:
    """The beginning of a date, as bank files are read."""
    return (day.date() - datetime(1970, 1, 1).date()).days * limits.DAY_MS


def end_of(day: datetime) -> int:
    """The end of a date: what is due that day is late from then on."""
    return instant_of(day) + limits.DAY_MS


def chosen(at: Desk, text: str) -> ListedObligation:
    """An obligation by its reference, with or without spaces, its id, or how the id begins."""
    compact = text.replace(" ", "")
    if compact.upper().startswith("RF"):
        found = at.ask("money.by_reference", list[ListedObligation], reference=compact.upper())
    else:
        exact = at.ask("money.obligation", ListedObligation | None, obligation=compact)
        found = [exact] if exact else [each for each in _own(at) if each.id.startswith(compact)]
    one: ListedObligation = the_one(found, "应收应付项", "open item", text, "hansa money owed")
    return one


def the_one(found: Sequence[Any], zh: str, en: str, typed: str, see: str) -> Any:
    """The only one of what was found by what a user typed. Raises NotFound."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(
            text_zh=f"没有编号为 {typed} 的{zh}。请用 {see} 查看。",
            text_en=f"There is no {en} {typed}. `{see}` lists them.",
        )
    raise NotFound(
        text_zh=f"有 {len(found)} 个{zh}的编号以 {typed} 开头，请多写几位。可用 {see} 查看。",
        text_en=f"{len(found)} {en}s begin with {typed}: write more of it. `{see}` lists them.",
    )


def _own(at: Desk) -> list[ListedObligation]:
    member = at.profile.member
    return [*items(at, "owed_to", creditor=member), *items(at, "owed_by", debtor=member)]


def part_of(found: ListedObligation, amount: str) -> int:
    """An amount in the obligation's currency; without one all that is open."""
    from hansa.client.pay.items import minor_of

    if not amount:
        return found.obligation.amount_minor - found.obligation.paid_minor
    return minor_of(amount, found.obligation.currency, "--amount")


def allocations_of(at: Desk, shares: Sequence[str]) -> tuple[Allocation, ...]:
    """`obligation` or `obligation=amount`, each."""
    found = []
    for share in shares:
        name, _, amount = share.partition("=")
        one = chosen(at, name)
        found.append(Allocation(obligation=one.id, amount_minor=part_of(one, amount)))
    return tuple(found)
