"""Refusals of members: registered data, status, founding."""

from hansa.kernel.refusal import Refusal


class MemberUnknown(Refusal, code="consortium.member_unknown", field="member"):
    zh = "联盟中没有编号为 {member} 的成员单位。请检查编号。"
    en = "The consortium has no member {member}. Check the id."


class MemberTaken(Refusal, code="consortium.member_taken", field="member"):
    zh = "成员编号 {member} 已用过，编号不可重用。请让申请单位换一个编号并重签申请卡。"
    en = (
        "Member id {member} was used before, and ids are never used again. Have the company choose another "
        "and sign its card anew."
    )


class MembersTooMany(Refusal, code="consortium.members_too_many", field="member"):
    zh = "联盟已有 {limit} 个成员单位，达到上限。"
    en = "The consortium has {limit} members, which is the limit."


class NotActive(Refusal, code="consortium.not_active", field="member"):
    zh = (
        "成员单位 {member} 已暂停或已退出：既有义务照常履行，仍可换发密钥、更换设备、更新节点地址，"
        "但不得提案、表决或新增任何事项（协议、资费、日历、设备、数据源、审批规则、角色、证照）。"
        "暂停的单位须先经表决恢复。"
    )
    en = (
        "Member {member} is suspended or has left: its obligations go on, and it looks after its keys, "
        "devices and addresses, but it proposes nothing, does not vote and enters nothing new (agreement, "
        "tariff, calendar, device, feed, approval rule, role, licence). A suspended member is reinstated by "
        "vote first."
    )


class StatusUnfit(Refusal, code="consortium.status_unfit", field="member"):
    zh = "成员单位 {member} 当前状态为 {status}，不能这样变更。请先查询其状态。"
    en = "Member {member} is {status} now, so this change cannot be made. Look up its status first."


class StillCosigner(Refusal, code="consortium.still_cosigner", field="member"):
    zh = "成员单位 {member} 仍是运营方或见证方，其签名仍计入法定会签数。请先表决更换见证方（cosigners）。"
    en = (
        "Member {member} is still the operator or a cosigner, and its signature counts. Replace it by a vote "
        "on the cosigners first; then it can leave, be suspended or expelled."
    )


class UsccInvalid(Refusal, code="consortium.uscc_invalid", field="registration"):
    zh = (
        "统一社会信用代码 {number} 无效：须为 18 位大写字符，且末位校验码相符（GB 32100-2015）。"
        "请对照营业执照。"
    )
    en = (
        "{number} is no unified social credit code: it has 18 capital characters, the last of which checks "
        "the others (GB 32100-2015). Compare it with the business licence."
    )


class LeiInvalid(Refusal, code="consortium.lei_invalid", field="registration"):
    zh = "LEI 编码 {number} 无效：须为 20 位大写字符，且末两位校验码相符（ISO 17442）。请核对。"
    en = (
        "{number} is no LEI: it has 20 capital characters, the last two check the others (ISO 17442). "
        "Check it."
    )


class VatInvalid(Refusal, code="consortium.vat_invalid", field="registration"):
    zh = "增值税号 {number} 不符合该国格式：国家代码加编号，大写，无空格，如 DE123456789。请核对。"
    en = (
        "{number} has not the form of a VAT id of its country: country code and number, capitals, no spaces, "
        "such as DE123456789. Check it."
    )


class RegistrationUnchecked(Refusal, code="consortium.registration_unchecked", field="registration"):
    zh = "须给出可校验的登记号：uscc（统一社会信用代码）、vat（增值税号）或 lei。"
    en = "Give a registration that can be checked: uscc, vat or lei."


class RegistrationTaken(Refusal, code="consortium.registration_taken", field="registration"):
    zh = "登记号 {number} 已属于成员单位 {member}。一家公司只能有一个成员席位。"
    en = "The registration {number} belongs to member {member}. One company is one member."


class RolesInvalid(Refusal, code="consortium.roles_invalid", field="roles"):
    zh = "成员单位须有至少一个角色，且不得重复。"
    en = "A member has at least one role, and none twice."


class SizeMissing(Refusal, code="consortium.size_missing", field="size"):
    zh = "请声明企业规模：large 大型、medium 中型、small 小型或 micro 微型。"
    en = "State the size class: large, medium, small or micro."


class LicencesInvalid(Refusal, code="consortium.licences_invalid", field="licences"):
    zh = "资质证照最多 {limit} 项，且同类同一文件不得重复。请更正。"
    en = "A member shows at most {limit} licences, and no document twice under one kind. Correct the list."


class NothingAmended(Refusal, code="consortium.nothing_amended", field="subject"):
    zh = "该提案不改变 {member} 的任何登记信息。请写明要变更的名称或登记号。"
    en = "The proposal changes nothing of what {member} has registered. Give the new names or number."
