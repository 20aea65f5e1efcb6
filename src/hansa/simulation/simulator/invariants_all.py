"""All promises together: what a run of the release's own rooms is held to."""

from collections.abc import Sequence

from hansa.simulation.simulator import (
    invariants_billing,
    invariants_consortium,
    invariants_kernel,
    invariants_leasing,
    invariants_metering,
    invariants_money,
    invariants_rights,
)
from hansa.simulation.simulator.invariants import Promise, Watch
from hansa.simulation.simulator.scenario import Invariant
from hansa.simulation.simulator.traffic.picture import Picture
from hansa.simulation.simulator.world import World


def kernel_promises() -> list[Promise]:
    """What holds whatever the rooms are: also for scenarios with rooms of one's own."""
    return [
        invariants_kernel.Order(),
        invariants_kernel.Signed(),
        invariants_kernel.Final(),
        invariants_kernel.Due(),
        invariants_kernel.Whole(),
    ]


def promises(picture: Picture) -> list[Promise]:
    """Of the kernel and of every room of the release, from what the genesis file laid down on."""
    return [
        *kernel_promises(),
        invariants_rights.Rights(),
        invariants_consortium.Votes(picture),
        invariants_consortium.Approvals(),
        invariants_consortium.Members(),
        invariants_consortium.Validators(picture),
        invariants_metering.FirstTold(),
        invariants_metering.Totals(),
        invariants_money.AsAsked(),
        invariants_money.Paid(),
        invariants_money.Pots(),
        invariants_money.Conserved(),
        invariants_money.Lists(),
        invariants_billing.Sums(),
        invariants_billing.Periods(),
        invariants_billing.Counted(),
        invariants_billing.Debts(),
        invariants_billing.Confirmed(),
        invariants_leasing.Calendars(),
        invariants_leasing.Signed(),
        invariants_leasing.Coherent(),
        invariants_leasing.Suspended(),
        invariants_leasing.Deposits(),
    ]


def everything(world: World) -> Sequence[Invariant]:
    """For `Scenario.invariants`: behind an engine, so nothing badly signed is in a block either."""
    return (Watch(world, [invariants_kernel.WellSigned(), *promises(Picture.of(world))]),)


def without_engine(world: World) -> Sequence[Invariant]:
    """For blocks that no proposer made and nobody voted on."""
    return (Watch(world, promises(Picture.of(world))),)
