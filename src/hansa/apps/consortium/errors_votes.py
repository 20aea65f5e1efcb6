"""Refusals of proposals and votes, and of what a vote would do."""

from hansa.kernel.refusal import Refusal


class ProposalTaken(Refusal, code="consortium.proposal_taken", field="proposal"):
    zh = "提案编号 {proposal} 已用过，编号不可重用。请换一个编号。"
    en = "Proposal id {proposal} was used before, and ids are never used again. Choose another."


class ProposalUnknown(Refusal, code="consortium.proposal_unknown", field="proposal"):
    zh = "没有提案 {proposal}。请检查编号。"
    en = "There is no proposal {proposal}. Check the id."


class ProposalClosed(Refusal, code="consortium.proposal_closed", field="proposal"):
    zh = "提案 {proposal} 状态为 {state} 或已过期限，不再接受表决、撤回或异议。如有需要请重新提案。"
    en = (
        "Proposal {proposal} is {state}, or its time has passed: it takes no vote and no objection, and "
        "cannot be withdrawn. Propose anew if needed."
    )


class ProposalsTooMany(Refusal, code="consortium.proposals_too_many", field="proposal"):
    zh = "本单位已有 {limit} 项未决提案。请等其中一项结束，或撤回一项。"
    en = "Your company has {limit} open proposals. Wait until one is decided, or withdraw one."


class NotProposer(Refusal, code="consortium.not_proposer", field="proposal"):
    zh = "提案 {proposal} 由 {proposer} 提出，只有提案方可以撤回。"
    en = "Proposal {proposal} is {proposer}'s: only the proposer withdraws it."


class VotedAlready(Refusal, code="consortium.voted_already", field="proposal"):
    zh = "{member} 已对提案 {proposal} 投过票。一个成员单位一票，投出不可更改。"
    en = "{member} has voted on {proposal}. One member has one vote, and it cannot be changed."


class VoteOnItself(Refusal, code="consortium.vote_on_itself", field="proposal"):
    zh = "提案 {proposal} 涉及 {member} 自身，该单位不参与表决。"
    en = "Proposal {proposal} is about {member} itself, which therefore has no vote on it."


class NoVoters(Refusal, code="consortium.no_voters", field="subject"):
    zh = "除提案涉及的单位外没有其他有效成员单位，无人可以表决。"
    en = "Besides the member it is about there is no active member: nobody could vote."


class TooFewVoters(Refusal, code="consortium.too_few_voters", field="subject"):
    zh = (
        "除 {member} 外只有 {voters} 个有表决权的成员单位：不得由一家单位接管另一家的密钥。"
        "请 {member} 使用其恢复密钥；如已遗失，可在公示期后将其除名，再以新编号重新接纳。"
    )
    en = (
        "Besides {member} only {voters} member may vote, and no company takes over another's keys alone. "
        "{member} uses its recovery key; if that is lost too, expel it after a notice and admit it anew "
        "under another id."
    )


class NotAboutYou(Refusal, code="consortium.not_about_you", field="proposal"):
    zh = "提案 {proposal} 不涉及本单位，只有所涉单位可以提出异议。如不同意，请投反对票。"
    en = "Proposal {proposal} is not about your company: only the one that it is about objects. Vote no."


class NoObjection(Refusal, code="consortium.no_objection", field="proposal"):
    zh = "对提案 {proposal} 不能提出异议：须为密钥恢复，或由一家单位单独决定、正在公示的暂停或除名。"
    en = (
        "No objection counts against {proposal}: it must be a recovery, or suspending or expelling that a "
        "single vote decided, during its notice."
    )


class CardSignature(Refusal, code="consortium.card_signature", field="signature"):
    zh = "申请卡的签名与其第一把密钥不符，或为另一联盟链所签。请让申请单位用本联盟的创世文件重新签署。"
    en = (
        "The card is not signed by the first of its keys for this chain. Have the company sign it anew with "
        "this consortium's genesis file."
    )


class CardExpired(Refusal, code="consortium.card_expired", field="card"):
    zh = "{member} 的申请卡已过有效期。请让申请单位重新签署。"
    en = "The card of {member} is past its valid_until_ms. Have the company sign a new one."


class CardCharter(Refusal, code="consortium.card_charter", field="card"):
    zh = "申请卡接受的章程与本联盟章程不一致（SHA-256 不同）。请让申请单位确认现行章程后重签。"
    en = (
        "The card accepts another charter than this consortium's (its SHA-256 differs). Have the company "
        "read the charter in force and sign anew."
    )


class CosignersInvalid(Refusal, code="consortium.cosigners_invalid", field="cosigners"):
    zh = (
        "见证方须为 1 至 {limit} 个互不相同的有效成员单位，各用不同的有效公钥，运营方必在其中；"
        "{member} 不符。请更正。"
    )
    en = (
        "Cosigners are 1 to {limit} different active members with different valid keys, the operator always "
        "one of them; {member} does not fit."
    )


class QuorumInvalid(Refusal, code="consortium.quorum_invalid", field="quorum"):
    zh = (
        "{count} 个见证方容错 {faulty} 个，法定会签数须大于 (n+f)/2 且不超过 n，现为 {quorum}。"
        "请改为 {least} 至 {count}。"
    )
    en = (
        "With {count} cosigners, {faulty} of them possibly faulty, a quorum is more than (n+f)/2 and at most "
        "n; this is {quorum}. Choose {least} to {count}."
    )


class SeatProof(Refusal, code="consortium.seat_proof", field="seats"):
    zh = "见证方 {member} 的公钥没有有效的持有证明。请用该私钥对本联盟链签署持有证明（密钥编号写 cosigner）。"
    en = (
        "The cosigner's key of {member} comes without a valid proof of possession. Sign one with that key "
        "for this chain, key id `cosigner`."
    )


class ParameterUnknown(Refusal, code="consortium.parameter_unknown", field="name"):
    zh = "没有名为 {name} 的参数。请查询 consortium.parameters。"
    en = "There is no parameter {name}. See the query consortium.parameters."


class ParameterOutOfRange(Refusal, code="consortium.parameter_out_of_range", field="value"):
    zh = "参数 {name} 须在 {least} 与 {most} 之间，现为 {value}。请更正。"
    en = "Parameter {name} lies between {least} and {most}; this is {value}. Correct it."


class ParameterTwice(Refusal, code="consortium.parameter_twice", field="parameters"):
    zh = "创世文件两次给出参数 {name}。请只留一个。"
    en = "The genesis file gives parameter {name} twice. Leave one."


class RulesNotNext(Refusal, code="consortium.rules_not_next", field="version"):
    zh = "规则版本只能逐版启用：下一版为 {next}，提案为 {version}。"
    en = "Rules come into force one version after the other: next is {next}, proposed is {version}."


class HeightTooEarly(Refusal, code="consortium.height_too_early", field="height"):
    zh = "生效高度须不早于 {least}（公告期，且不早于已排定的变更）。请改为更高的高度，或填 0 由系统确定。"
    en = (
        "It can come into force at height {least} at the earliest (notice, and what is scheduled already). "
        "Choose a later height, or 0."
    )


class RoomReserved(Refusal, code="consortium.room_reserved", field="room"):
    zh = "应用名 {name} 属于本程序自带的应用，外部应用不可使用。请让开发方改名。"
    en = "The name {name} belongs to a room of the release itself. Have the room's makers rename it."


class RoomUnchanged(Refusal, code="consortium.room_unchanged", field="room"):
    zh = "应用 {name} 的这一版本已启用或已排定。无需再次表决。"
    en = "This version of room {name} is in force or scheduled already. No vote is needed."


class RoomUnknown(Refusal, code="consortium.room_unknown", field="name"):
    zh = "没有已启用或已排定的外部应用 {name}。请检查名称。"
    en = "No room {name} from outside is in force or scheduled. Check the name."


class RoomsTooMany(Refusal, code="consortium.rooms_too_many", field="room"):
    zh = "外部应用最多 {limit} 个。请先停用一个。"
    en = "At most {limit} rooms from outside are in force. Deactivate one first."
