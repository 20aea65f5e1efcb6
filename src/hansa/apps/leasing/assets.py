"""Assets: what their owners declare of them, and whether one can do what is needed."""

from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.capability import Lacking, check_description, fits, lacking
from hansa.apps.leasing.messages_market import (
    Asset,
    AssetRegistered,
    AssetUpdated,
    Description,
    Need,
    RegisterAsset,
    UpdateAsset,
)
from hansa.apps.leasing.tables import ASSETS
from hansa.apps.metering import interface as metering
from hansa.kernel import Context, since


@since(2)
def register_asset(ctx: Context, a: RegisterAsset) -> None:
    # Checks, cheapest first.
    consortium.check_may_enter(ctx, ctx.member)
    if newest(ctx, ctx.member, a.asset):
        raise errors.AssetVersion(asset=a.asset, version=1, next=newest(ctx, ctx.member, a.asset) + 1)
    check_description(a.description)
    for feed in a.description.feeds:
        metering.feed(ctx, ctx.member, feed)

    # Writes.
    ASSETS.put(ctx, (ctx.member, a.asset, 1), Asset(description=a.description, since_ms=ctx.time_ms))

    # Events.
    ctx.emit(AssetRegistered(owner=ctx.member, asset=a.asset))


@since(2)
def update_asset(ctx: Context, a: UpdateAsset) -> None:
    # Checks, cheapest first.
    consortium.check_may_enter(ctx, ctx.member)
    now = newest(ctx, ctx.member, a.asset)
    if not now:
        raise errors.AssetUnknown(owner=ctx.member, asset=a.asset)
    if a.version != now + 1:
        raise errors.AssetVersion(asset=a.asset, version=a.version, next=now + 1)
    check_description(a.description)
    for feed in a.description.feeds:
        metering.feed(ctx, ctx.member, feed)

    # Writes.
    described = Asset(description=a.description, since_ms=ctx.time_ms)
    ASSETS.put(ctx, (ctx.member, a.asset, a.version), described)

    # Events.
    ctx.emit(AssetUpdated(owner=ctx.member, asset=a.asset, version=a.version))


def newest(ctx: Context, owner: str, asset: str) -> int:
    """Number of the newest version; 0 where there is no such asset."""
    for key, _ in ASSETS.scan(ctx, (owner, asset), limit=1, reverse=True):
        return int(key[2])
    return 0


def described(ctx: Context, owner: str, asset: str, version: int) -> Description:
    """A version of an asset. Raises AssetUnknown."""
    found = ASSETS.get(ctx, (owner, asset, version))
    if found is None:
        raise errors.AssetUnknown(owner=owner, asset=asset)
    return found.description


def check_need(asset: str, description: Description, need: Need) -> None:
    """Refuse a need that no capability of the asset meets, naming the first thing that is missing."""
    missing = [lacking(capability, need) for capability in description.capabilities]
    if not all(missing):
        return
    # What is missing last was reached by the capability that comes closest.
    worst = max(found.order for found in missing if found is not None)
    closest = next(found for found in missing if found is not None and found.order == worst)
    raise _refusal(asset, closest)


def check_crew(asset: str, description: Description, crew: str) -> None:
    """Refuse a crew, or none, with which the asset is not let at all."""
    if not any(fits(capability.crew, crew) for capability in description.capabilities):
        raise _refusal(asset, Lacking(0, "crew", "带人或不带人", "with or without crew", crew))


def _refusal(asset: str, found: Lacking) -> errors.CapabilityLacking:
    return errors.CapabilityLacking(
        clause=found.name, asset=asset, what_zh=found.zh, what_en=found.en, value=found.value
    )
