"""Refusals of sending a log to a node: it says otherwise than what the ledger knows."""

from hansa.kernel.refusal import Refusal


class SourceOther(Refusal, code="edge.source_other", field="profile"):
    zh = (
        "设备 {device} 由密钥 {source} 代表，而当前配置用 {key} 签名。请换用该网关的配置（--profile），"
        "或声明更换设备（metering.replace_device）。"
    )
    en = (
        "Key {source} speaks for device {device}, this profile signs with {key}. Use the gateway's profile "
        "(--profile), or declare a replacement (metering.replace_device)."
    )


class FeedDiffers(Refusal, code="edge.feed_differs", field="mapping"):
    zh = (
        "映射把 {feed} 的 {key} 写成“{found}”，账本上登记的是“{known}”，登记后不能改。"
        "请改正映射，或给信号另起一个名字。"
    )
    en = (
        "The mapping says {key} = '{found}' of {feed}; it was registered as '{known}', which cannot change. "
        "Correct the mapping, or give the signal another name."
    )


class StateNew(Refusal, code="edge.state_new", field="mapping"):
    zh = (
        "{feed} 出现了登记时没有的状态 {state}（已登记：{known}）。请在映射的 states 中把它归到已有的状态；"
        "首次发送前在 states 中写全所有状态。"
    )
    en = (
        "{feed} shows a state {state} that was not registered ({known}). Map it to one of these in states; "
        "name all of them there before a log is sent for the first time."
    )


class ToldOtherwise(Refusal, code="edge.told_otherwise", field="log"):
    zh = (
        "日志说 {feed} 在 {at} 为 {found}，先前发送的是 {known}。已发送的读数不能改；"
        "请查明原因。本次什么也没有发送。"
    )
    en = (
        "The log says {found} of {feed} at {at}; {known} was sent before. What was sent cannot be "
        "changed: find out why they differ. Nothing was sent."
    )


class OutboxWaits(Refusal, code="edge.outbox_waits", field="outbox"):
    zh = "发件箱里还有 {count} 项没有结果。请先运行 hansa tx send，再发送日志，以免重复编号。"
    en = (
        "The outbox holds {count} entries without an outcome. Run `hansa tx send` first, then send the log: "
        "else numbers would be given twice."
    )
