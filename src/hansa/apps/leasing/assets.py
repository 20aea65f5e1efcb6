"""Assets: what their owners declare of them, and whether one can do what is needed."""

from collections.abc import Sequence

from hansa.apps.consortium import interface as consortium
from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.capability import Lacking, fits, lacking, sorted_edges
from hansa.apps.leasing.messages_market import (
    Asset,
    AssetRegistered,
    AssetUpdated,
    Capability,
    Description,
    Need,
    Place,
    RegisterAsset,
    UpdateAsset,
)
from hansa.apps.leasing.tables import ASSETS
from hansa.apps.metering import interface as metering
from hansa.kernel import Context, limits, since

LATITUDE_MAX_E6 = 90_000_000
LONGITUDE_MAX_E6 = 180_000_000


@since(2)
def register_asset(ctx: Context, a: RegisterAsset) -> None:
    # Checks, cheapest first.
    consortium.check_may_enter(ctx, ctx.member)
    if newest(ctx, ctx.member, a.asset):
        raise errors.AssetVersion(asset=a.asset, version=1, next=newest(ctx, ctx.member, a.asset) + 1)
    _check_description(ctx, a.description)

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
    _check_description(ctx, a.description)

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


def _check_description(ctx: Context, description: Description) -> None:
    _check_place(description.place)
    processes = [_named(capability) for capability in description.capabilities]
    _check_list("capabilities", processes, 1, limits.CAPABILITIES_MAX)
    for capability in description.capabilities:
        _check_list("materials", capability.materials, 1, limits.MATERIALS_MAX)
        smallest, largest = sorted_edges(capability.smallest), sorted_edges(capability.largest)
        if any(small > large for small, large in zip(smallest, largest, strict=True)):
            raise errors.SizeUnfit(clause=capability.process, process=capability.process)
    _check_list("feeds", description.feeds, 0, limits.ASSET_FEEDS_MAX)
    _check_list("checklist", description.checklist, 0, limits.CHECKLIST_MAX)
    papers = [certificate.sha256 for certificate in description.certificates]
    _check_list("certificates", papers, 0, limits.CERTIFICATES_MAX)
    for feed in description.feeds:
        metering.feed(ctx, ctx.member, feed)


def _named(capability: Capability) -> str:
    """A capability in words: the same process may stand twice, for other materials."""
    return " ".join((capability.process, *capability.materials))


def _check_place(place: Place) -> None:
    if abs(place.latitude_e6) > LATITUDE_MAX_E6 or abs(place.longitude_e6) > LONGITUDE_MAX_E6:
        raise errors.PlaceUnfit(latitude_e6=place.latitude_e6, longitude_e6=place.longitude_e6)


def _check_list(name: str, values: Sequence[str], least: int, most: int) -> None:
    seen: dict[str, None] = {}
    for value in values:
        if value in seen:
            raise errors.ListUnfit(clause=name, name=name, least=least, most=most, value=value)
        seen[value] = None
    if not least <= len(values) <= most:
        raise errors.ListUnfit(clause=name, name=name, least=least, most=most, value=f"{len(values)}")
