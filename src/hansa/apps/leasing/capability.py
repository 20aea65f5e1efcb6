"""What an asset may say of itself, and whether it meets a need. Pure: clients ask the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from hansa.apps.leasing import errors_market as errors
from hansa.apps.leasing.messages_market import Capability, Description, Need, Place, Size
from hansa.kernel import limits

LATITUDE_MAX_E6 = 90_000_000
LONGITUDE_MAX_E6 = 180_000_000


@dataclass(frozen=True)
class Lacking:
    """What a capability lacks for a need; `order`: how far down the list of questions it was found."""

    order: int
    name: str
    zh: str
    en: str
    value: str


def lacking(capability: Capability, need: Need) -> Lacking | None:
    """The first thing that a capability lacks (process, material, size, tolerance); None: nothing."""
    if need.process != capability.process:
        return Lacking(1, "process", "工艺", "process", need.process)
    if need.material not in capability.materials:
        return Lacking(2, "material", "材料", "material", need.material)
    if not size_fits(capability, need.size):
        edges = " × ".join(f"{edge}" for edge in sorted_edges(need.size))
        return Lacking(3, "size", "工件尺寸（微米）", "size of the part, µm", edges)
    if need.tolerance_um < capability.tolerance_um:
        return Lacking(4, "tolerance_um", "公差（微米）", "tolerance, ± µm", f"{need.tolerance_um}")
    return None


def size_fits(capability: Capability, size: Size) -> bool:
    """Whether a part fits, however it is turned: edge by edge, longest to longest."""
    edges = zip(
        sorted_edges(capability.smallest), sorted_edges(size), sorted_edges(capability.largest), strict=True
    )
    return all(small <= edge <= large for small, edge, large in edges)


def sorted_edges(size: Size) -> tuple[int, int, int]:
    """The edges, longest first."""
    longest, middle, shortest = sorted((size.x_um, size.y_um, size.z_um), reverse=True)
    return longest, middle, shortest


def fits(offered: str, wanted: str) -> bool:
    """Whether a crew (`without`, `with`) can be had where `offered` says how it is let, or either."""
    return wanted == offered or "either" in (offered, wanted)


def check_description(description: Description) -> None:
    """Refuse a description by what it says alone. Raises PlaceUnfit, ListUnfit, SizeUnfit."""
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
