"""A follower's figures for Prometheus, beside those of every node."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from hansa.client.case import KINDS, Kind
from hansa.node.casebook import Casebook
from hansa.node.copying import Copying
from hansa.node.cosigner import Cosigner
from hansa.node.cosigning import Cosignatures
from hansa.node.peers import STATES, Peers
from hansa.node.promises import Promises


class Figures(Protocol):
    """What the figures are taken from."""

    copying: Copying
    cosignatures: Cosignatures
    cosigner: Cosigner
    promises: Promises
    peers: Peers
    casebook: Casebook

    @property
    def height(self) -> int: ...

    def newest_height(self) -> int: ...


def register(registry: CollectorRegistry, node: Figures) -> None:
    """Add a follower's figures; they are read when somebody asks for them."""

    def gauge(name: str, what: str, value: Callable[[], float]) -> None:
        Gauge(name, what, registry=registry).set_function(value)

    gauge("hansa_follower_lag_blocks", "Blocks behind the newest header seen", lambda: _lag(node))
    gauge("hansa_final_height", "Highest height with a quorum", lambda: node.cosignatures.final_height)
    gauge("hansa_cosigned_height", "Highest height cosigned here", lambda: node.cosigner.signed_height)
    gauge("hansa_promises_waiting", "Promises still to be looked for", lambda: node.promises.waiting)
    gauge(
        "hansa_operator_away",
        "1 while the operator does not answer",
        lambda: 1 if node.copying.progress.away_since_ms else 0,
    )
    peers = Gauge("hansa_peers", "Other members' nodes, by standing", ["state"], registry=registry)
    for state in STATES:
        peers.labels(state).set_function(partial(_standing, node, state))
    cases = Gauge("hansa_cases", "Cases on file, by kind", ["kind"], registry=registry)
    for kind in KINDS:
        cases.labels(kind).set_function(partial(_on_file, node, kind))


def _lag(node: Figures) -> int:
    return max(0, node.newest_height() - node.height)


def _standing(node: Figures, state: str) -> int:
    return [each.state for each in list(node.peers.standing.values())].count(state)


def _on_file(node: Figures, kind: Kind) -> int:
    return [case.kind for _, case in node.casebook.all()].count(kind)
