"""Every refusal of the room. Texts are read by the people who look after machines and meters."""

from hansa.kernel import Refusal


class DeviceTaken(Refusal, code="metering.device_taken", field="device"):
    zh = "设备 {device} 已登记。更换设备请用“更换设备”操作。"
    en = "Device {device} is registered. If it was replaced, declare the replacement."


class DeviceUnknown(Refusal, code="metering.device_unknown", field="device"):
    zh = "{owner} 没有登记设备 {device}。请先登记。"
    en = "{owner} has no device {device}. Register it first."


class SourceUnfit(Refusal, code="metering.source_unfit", field="source"):
    zh = "密钥 {key} 不能作为计量来源：须是本单位的设备密钥或网关密钥。"
    en = "Key {key} cannot speak for a device: it must be a device or gateway key of the owner."


class FeedTaken(Refusal, code="metering.feed_taken", field="feed"):
    zh = "计量点 {feed} 已登记。登记后不可更改，请用新编号。"
    en = "Feed {feed} is registered and cannot change. Register the new one under another id."


class FeedUnknown(Refusal, code="metering.feed_unknown", field="feed"):
    zh = "{owner} 没有登记计量点 {feed}。请先登记。"
    en = "{owner} has no feed {feed}. Register it first."


class FeedElsewhere(Refusal, code="metering.feed_elsewhere", field="counters"):
    zh = "计量点 {feed} 属于设备 {device}，不属于所更换的设备。请只列出所更换设备的计量点。"
    en = (
        "Feed {feed} belongs to device {device}, not to the one replaced. List feeds of the replaced "
        "device only."
    )


class FeedShape(Refusal, code="metering.feed_shape", field="declaration"):
    zh = "计量点声明不一致：{problem_zh}。请改正声明。"
    en = "The feed's declaration does not fit together: {problem_en}. Correct the declaration."


class LegalUseIncomplete(Refusal, code="metering.legal_use_incomplete", field="legal_use"):
    zh = "结算级计量须写明检定证书编号、有效期、准确度等级和铅封号；缺 {missing}。否则请声明为“仅供参考”。"
    en = (
        "Billing grade needs certificate number, validity, accuracy class and seal; {missing} is missing. "
        "Otherwise declare the feed indicative."
    )


class LegalUseIntegrated(Refusal, code="metering.legal_use_integrated", field="legal_use"):
    zh = "由功率积分得到的电量只能声明为“仅供参考”。"
    en = "Energy integrated from power is always indicative."


class AnchorTaken(Refusal, code="metering.anchor_taken", field="anchor"):
    zh = "存证 {anchor} 已存在且内容不同。请用新编号。"
    en = "Anchor {anchor} exists with other content. Use a new id."


class AnchorUnknown(Refusal, code="metering.anchor_unknown", field="anchor"):
    zh = "{owner} 没有含这些读数的存证 {anchor}。请先存证读数，再提交计数记录。"
    en = "{owner} has no anchor {anchor} with these readings. Anchor the readings before recording counters."


class AnchorShape(Refusal, code="metering.anchor_shape", field="count"):
    zh = "一次存证最多 {limit} 条读数，且结束时间不得早于开始时间。请拆分或改正时间。"
    en = (
        "One anchor holds at most {limit} readings, and must not end before it begins. Split it, or "
        "correct its times."
    )


class BatchShape(Refusal, code="metering.batch_shape", field="counters"):
    zh = "计数记录批次有误：{problem_zh}。请由来源改正后重新签名。"
    en = "The batch of counter records is malformed: {problem_en}. Let the source mend and sign it again."


class InFuture(Refusal, code="metering.in_future", field="at_ms"):
    zh = "时间 {at_ms} 比账本时间晚超过 {limit_s} 秒。请校准设备时钟。"
    en = "Time {at_ms} is more than {limit_s} s after ledger time. Set the source's clock."


class NotSource(Refusal, code="metering.not_source", field="signature"):
    zh = "计量点 {feed} 的来源是密钥 {source}；本批记录既无其签名，也不是由它提交。请用该密钥签名。"
    en = (
        "The source of feed {feed} is key {source}; it neither signed these records nor submitted them. "
        "Sign with that key."
    )


class OutsideLife(Refusal, code="metering.outside_life", field="at_ms"):
    zh = "时间 {at_ms} 不在设备第 {generation} 代的使用期内。设备更换后请用新一代编号。"
    en = (
        "Time {at_ms} lies outside generation {generation} of the device. After a replacement use "
        "the new one."
    )


class Overlap(Refusal, code="metering.overlap", field="span_ms"):
    zh = "截至 {at_ms} 的时段与已有记录重叠。请检查时间戳是时段开始还是结束。"
    en = "The interval that ends at {at_ms} overlaps one on record. Is it stamped at its start or its end?"


class ValueUnfit(Refusal, code="metering.value_unfit", field="value"):
    zh = (
        "数值 {value} 对该计量点无效：计数器不为负、小于模数；状态须在声明的列表中；失联记录不带数值。"
        "请检查映射。"
    )
    en = (
        "Value {value} does not fit the feed: counters and amounts are not negative and below the modulus, "
        "states are among those declared, lost records have no value. Check the mapping."
    )


class TooDisruptive(Refusal, code="metering.too_disruptive", field="at_ms"):
    zh = (
        "这会使超过 {limit} 条记录重新判读。请计量点所有方在最后一条记录之后的时刻声明复位，"
        "其间的用量可计入最终值。"
    )
    en = (
        "This would make more than {limit} records be read anew. Let the owner declare a reset "
        "after the last "
        "record: its final value may include what was counted in between."
    )


class NotCounter(Refusal, code="metering.not_counter", field="feed"):
    zh = "计量点 {feed} 不是累计计数器，没有复位可声明。请去掉它。"
    en = "Feed {feed} is not a cumulative counter: there is no reset to declare. Leave it out."


class FinalTooLow(Refusal, code="metering.final_too_low", field="final_value"):
    zh = "最终值 {final_value} 低于此前的有效读数 {good_value}。请核对最终值和时刻。"
    en = "The final value {final_value} is below the last good reading, {good_value}. Check value and time."


class ReplacedBefore(Refusal, code="metering.replaced_before", field="at_ms"):
    zh = "更换时间须晚于本代启用时间，且不晚于账本时间。请改正 at_ms。"
    en = "A replacement must come after this generation began, and not after ledger time. Correct at_ms."


class ResetTwice(Refusal, code="metering.reset_twice", field="at_ms"):
    zh = "计量点 {feed} 在该时刻已声明过复位或更换，声明不可更改。如有误，请在更晚的时刻另行声明。"
    en = (
        "A reset or replacement of feed {feed} at that instant is declared already and cannot change. "
        "If it was wrong, declare another at a later instant."
    )
