"""A follower's figures for Prometheus, beside those of every node."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from hansa.client.case import KINDS
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


class FollowerMetrics:
    """Set after each block and each answer of the operator."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Gauge(
            "hansa_follower_lag_blocks", "Blocks behind the newest header seen", registry=registry
        )
        self.final = Gauge("hansa_final_height", "Highest height with a quorum", registry=registry)
        self.signed = Gauge("hansa_cosigned_height", "Highest height cosigned here", registry=registry)
        self.waiting = Gauge("hansa_promises_waiting", "Promises still to be looked for", registry=registry)
        self.away = Gauge("hansa_operator_away", "1 while the operator does not answer", registry=registry)
        self.peers = Gauge("hansa_peers", "Other members' nodes, by standing", ["state"], registry=registry)
        self.cases = Gauge("hansa_cases", "Cases on file, by kind", ["kind"], registry=registry)

    def note(self, node: Figures) -> None:
        self.lag.set(max(0, node.newest_height() - node.height))
        self.final.set(node.cosignatures.final_height)
        self.signed.set(node.cosigner.signed_height)
        self.waiting.set(node.promises.waiting)
        self.away.set(1 if node.copying.progress.away_since_ms else 0)
        standing = [each.state for each in list(node.peers.standing.values())]
        for state in STATES:
            self.peers.labels(state).set(standing.count(state))
        kinds = [case.kind for _, case in node.casebook.all()]
        for kind in KINDS:
            self.cases.labels(kind).set(kinds.count(kind))
