"""Whether an asset's capability meets a need. Pure: the contract, the search and clients ask the same."""

from dataclasses import dataclass

from hansa.apps.leasing.messages_market import Capability, Need, Size


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


def sorted_edges(size: Size) -> tuple[int, ...]:
    """The edges, longest first."""
    return tuple(sorted((size.x_um, size.y_um, size.z_um), reverse=True))


def fits(offered: str, wanted: str) -> bool:
    """Whether a crew (`without`, `with`) can be had where `offered` says how it is let, or either."""
    return wanted == offered or "either" in (offered, wanted)
