"""What a feed's declaration must say to be of use: pure checks."""

from hansa.apps.metering import errors
from hansa.apps.metering.messages import Feed, LegalUse
from hansa.kernel.limits import STATES_MAX

UNKNOWN = "unknown"


def check_declaration(feed: Feed) -> None:
    """Raises FeedShape, LegalUseIncomplete or LegalUseIntegrated."""
    if feed.kind == "state":
        _shape(feed.base_unit == "ms", "状态计量点的基本单位须为 ms", "a state feed counts ms")
        named = 2 <= len(feed.states) <= STATES_MAX and feed.states[0] == UNKNOWN
        once = len(dict.fromkeys(feed.states)) == len(feed.states)
        _shape(
            named and once,
            f"状态列表须以 unknown 开头、互不相同、最多 {STATES_MAX} 个",
            f"states begin with unknown, are distinct, and at most {STATES_MAX}",
        )
    else:
        _shape(not feed.states, "只有状态计量点可带状态列表", "only a state feed has states")
    _shape(feed.modulus == 0 or feed.kind == "counter", "只有计数器可带模数", "only a counter has a modulus")
    check_legal_use(feed.legal_use, feed.integrated)


def check_legal_use(legal_use: LegalUse, integrated: bool) -> None:
    """Billing grade needs its papers, and can never be claimed for what was integrated from power (rule
    25).
    """
    if legal_use.grade == "indicative":
        return
    if integrated:
        raise errors.LegalUseIntegrated()
    for name, value in (
        ("certificate", legal_use.certificate),
        ("valid_until_ms", legal_use.valid_until_ms),
        ("accuracy_class", legal_use.accuracy_class),
        ("seal", legal_use.seal),
    ):
        if not value:
            raise errors.LegalUseIncomplete(missing=name)


def _shape(holds: bool, problem_zh: str, problem_en: str) -> None:
    if not holds:
        raise errors.FeedShape(problem_zh=problem_zh, problem_en=problem_en)
