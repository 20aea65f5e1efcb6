"""Refusals about work that failed when it fell due."""

from hansa.kernel import Refusal


class ParkedUnknown(Refusal, code="consortium.parked_unknown", field="id"):
    zh = "没有这样一项失败的到期工作：它可能已重试或放弃。请用 hansa get consortium.parked 查看。"
    en = "No such work is parked: it may have been retried or given up. See `hansa get consortium.parked`."


class ParkedOfAnother(Refusal, code="consortium.parked_of_another", field="id"):
    zh = "该工作记在成员单位 {member} 名下，只有它可以放弃；任何成员单位都可以重试。"
    en = (
        "This work is on the account of {member}, which alone may give it up. Any member may have it retried."
    )


class ParkedNeeded(Refusal, code="consortium.parked_needed", field="id"):
    zh = "{handler} 属于 Hansa 自带的应用，其他成员单位依赖它，不可放弃。请在原因排除后重试。"
    en = (
        "{handler} belongs to a room of Hansa's own, and others rely on it: it cannot be given up. Have it "
        "retried when its cause is mended."
    )
