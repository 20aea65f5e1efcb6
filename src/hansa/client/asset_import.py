"""From a sheet of machines to the actions that it asks for, beside what the ledger holds already.

What is there and says the same is left out, so that an import that was interrupted is simply run again. A
machine that says otherwise becomes a new version; an offer never changes, so one that says otherwise is a
problem for a person.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from hansa.apps.billing.errors import TariffUnknown
from hansa.apps.billing.messages import PublishedTariff
from hansa.apps.leasing.messages_market import Offer, PublishOffer, RegisterAsset, UpdateAsset
from hansa.apps.leasing.offers import check_times
from hansa.apps.leasing.queries_market import ListedAsset
from hansa.apps.metering.errors import FeedUnknown
from hansa.client import sheet_errors as errors
from hansa.client.asset_sheet import Machine, Problem, Sheet, Window
from hansa.client.batches import batches
from hansa.client.market import Asking
from hansa.kernel import Action
from hansa.kernel.refusal import Refusal

What = Literal["new", "update", "unchanged"]


@dataclass(frozen=True)
class Row:
    """What a row of the sheet comes to."""

    sheet: str
    row: int
    name: str
    what: What


@dataclass(frozen=True)
class Import:
    """Rows in order, the transactions to send (each whole or not at all), and what stands in the way."""

    rows: tuple[Row, ...]
    batches: tuple[tuple[Action, ...], ...]
    problems: tuple[Problem, ...]


def plan_import(ask: Asking, sheet: Sheet, member: str, now_ms: int) -> Import:
    """What an import would do now. With problems, of the sheet or found here, there is nothing to send."""
    problems = list(sheet.problems)
    known = {machine.asset for machine in sheet.machines}
    looks = [
        *(("machines", each.row, partial(_machine, ask, each, member)) for each in sheet.machines),
        *(("windows", each.row, partial(_window, ask, each, known, now_ms)) for each in sheet.windows),
    ]
    rows: list[Row] = []
    actions: list[Action] = []
    for name, row, look in looks:
        try:
            found, what, wanted = look()
        except Refusal as refusal:
            problems.append(Problem(name, row, refusal))
            continue
        rows.append(Row(name, row, found, what))
        actions.extend(wanted)
    return Import(tuple(rows), () if problems else batches(actions), tuple(problems))


Found = tuple[str, What, tuple[Action, ...]]
"""A row's id, what it comes to, and the actions for it."""


def _machine(ask: Asking, machine: Machine, member: str) -> Found:
    for feed in machine.description.feeds:
        if ask("metering.feed_of", Any, owner=member, feed=feed) is None:
            raise FeedUnknown(owner=member, feed=feed)
    asset = machine.asset
    found: ListedAsset | None = ask("leasing.newest_of", ListedAsset | None, owner=member, asset=asset)
    if found is None:
        return asset, "new", (RegisterAsset(asset=asset, description=machine.description),)
    if found.record.description == machine.description:
        return asset, "unchanged", ()
    update = UpdateAsset(asset=asset, version=found.version + 1, description=machine.description)
    return asset, "update", (update,)


def _window(ask: Asking, window: Window, known: set[str], now_ms: int) -> Found:
    action = window.action
    owner, name, version = action.tariff_owner, action.tariff, action.tariff_version
    if ask("billing.tariff_of", PublishedTariff | None, owner=owner, tariff=name, version=version) is None:
        raise TariffUnknown(owner=owner, id=name, version=version)
    there = {"owner": action.asset_owner, "asset": action.asset}
    if action.asset not in known and ask("leasing.newest_of", ListedAsset | None, **there) is None:
        raise errors.MachineUnknown(asset=action.asset)
    offer = ask("leasing.offer_of", Offer | None, offerer=action.asset_owner, offer=action.offer)
    if offer is None:
        check_times(action, now_ms)
        return action.offer, "new", (action,)
    if not _same(offer, action):
        raise errors.OfferDiffers(offer=action.offer)
    return action.offer, "unchanged", ()


def _same(offer: Offer, action: PublishOffer) -> bool:
    """Whether an open offer says what the action would, of whatever version of the asset."""
    said = [
        getattr(offer, name) == getattr(action, name) for name in action.__struct_fields__ if name != "offer"
    ]
    return offer.state == "open" and all(said)
