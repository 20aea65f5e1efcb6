"""By which keys the operator's node has signed, from the genesis file through each change of the set."""

from hansa.apps.consortium.handovers import founding_set
from hansa.apps.consortium.messages import Genesis
from hansa.client.report import Failed, Report
from hansa.client.transport import Transport
from hansa.client.verify_quorum import follow_sets
from hansa.kernel.canonical import decode_strict


def operator_keys(transport: Transport) -> tuple[bytes, ...]:
    """The operator's keys, oldest first; a change counts that stands under a quorum of the set before."""
    genesis = decode_strict(transport.genesis(), Genesis)
    found = [founding_set(genesis).public]
    handovers, head = transport.handovers(), transport.head()
    if head is None:
        return tuple(found)
    for count in range(1, len(handovers) + 1):
        try:
            found.append(follow_sets(Report(genesis=genesis), head, handovers[:count]).public)
        except Failed:
            break
    return tuple(dict.fromkeys(found))
