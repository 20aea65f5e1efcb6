"""The room: the market of idle lines, and the life of what was agreed there."""

from hansa.apps.leasing import market
from hansa.apps.leasing.tables import ALL
from hansa.kernel import Room

ROOM = Room(
    "leasing",
    actions=[*market.ACTIONS],
    due=[*market.DUE],
    queries=[*market.QUERIES],
    tables=ALL,
    events=[*market.EVENTS],
)
