"""Refusals about validators, their keys and ticks."""

from hansa.kernel.refusal import Refusal


class NotANetwork(Refusal, code="consortium.not_a_network", field="subject"):
    zh = "本链由一个运营方排序区块，没有验证节点。请改为表决见证方（hansa vote propose cosigners）。"
    en = (
        "On this chain an operator orders the blocks, and there are no validators. Vote on cosigners instead "
        "(hansa vote propose cosigners)."
    )


class NoOperator(Refusal, code="consortium.no_operator", field="subject"):
    zh = "本链由各成员的验证节点共同排序区块，没有运营方和见证方。请改为表决验证方（hansa validator set）。"
    en = (
        "On this chain the members' validators order the blocks together: there is no operator and no "
        "cosigner. Vote on the validator set instead (hansa validator set)."
    )


class GenesisMixed(Refusal, code="consortium.genesis_mixed", field="validators"):
    zh = (
        "创世文件须二选一：或写运营方（operator、node_public，可加 cosigners、quorum），"
        "或写验证方名单（validators，规则版本 2 起）。请删去其中一类。"
    )
    en = (
        "A genesis file names either an operator (operator, node_public, and cosigners, quorum if wanted) or "
        "validators (from rules 2 on), never both and never neither. Take one kind out."
    )


class ValidatorsInvalid(Refusal, code="consortium.validators_invalid", field="seats"):
    zh = "验证方须为 1 至 {limit} 个互不相同的有效成员单位，表决权重不超过 {most}；{member} 不符。请更正。"
    en = (
        "Validators are 1 to {limit} different active members of a voting power up to {most}; {member} does "
        "not fit. Correct the list."
    )


class ValidatorUnknown(Refusal, code="consortium.validator_unknown", field="member"):
    zh = "{member} 没有在任的验证席位。请给出其共识公钥及持有证明，或先表决加入名单。"
    en = (
        "{member} has no active seat among the validators. Give its consensus key with the proof, or have it "
        "voted into the set first."
    )


class ValidatorsUnchanged(Refusal, code="consortium.validators_unchanged", field="seats"):
    zh = "提案与现行验证方名单相同，没有可执行的变更。请检查成员与权重。"
    en = "This is the validator set as it stands: nothing would change. Check members and powers."


class ValidatorShare(Refusal, code="consortium.validator_share", field="power"):
    zh = (
        "{member} 将占总表决权重 {total} 中的 {power}，达到三分之一，可独自使全链停摆。"
        "四个及以上验证方时，任一方须少于三分之一。请调低。"
    )
    en = (
        "{member} would have {power} of {total} voting power, a third or more: it could halt the chain. "
        "With four validators or more each has less than a third. Lower it."
    )


class ValidatorsUnequal(Refusal, code="consortium.validators_unequal", field="power"):
    zh = "验证方不足 {least} 个时，各方表决权重须相同；{member} 不同。请改为相同，或先增加验证方。"
    en = (
        "With fewer than {least} validators all have the same voting power; that of {member} differs. Make "
        "them equal, or seat more validators first."
    )


class ValidatorsFresh(Refusal, code="consortium.validators_fresh", field="seats"):
    zh = (
        "一次表决加入的 {count} 把新共识密钥将占三分之一或更多权重；若其节点尚未同步，全链会停摆。"
        "请逐个加入，每次等新节点跟上后再提下一个。"
    )
    en = (
        "The {count} new consensus keys of this vote would have a third of the power or more: if their nodes "
        "are not in step, the chain stops. Seat one after the other, each once the node before keeps up."
    )


class LastValidator(Refusal, code="consortium.last_validator", field="member"):
    zh = "{member} 是最后一个有效的验证方：名单清空后无人能出块。请先表决加入另一个验证方。"
    en = (
        "{member} is the last active validator: with an empty set nobody makes a block. Vote another one "
        "into the set first."
    )


class ConsensusKeyInvalid(Refusal, code="consortium.consensus_key_invalid", field="public"):
    zh = "{member} 的共识公钥不是有效的 Ed25519 公钥（32 字节）。请检查导出的公钥。"
    en = "The consensus key of {member} is no public key of Ed25519 (32 bytes). Check how it was exported."


class ConsensusKeyTaken(Refusal, code="consortium.consensus_key_taken", field="public"):
    zh = "{member} 的共识公钥已登记过（现在或以前，用作共识密钥或签名密钥）。密钥只用一次；请另行生成。"
    en = (
        "The consensus key of {member} is or was registered already, as a consensus key or one that signs "
        "transactions. A key serves once; make a new one."
    )


class ConsensusProof(Refusal, code="consortium.consensus_proof", field="proof"):
    zh = "{member} 的共识公钥没有有效的持有证明：须由该私钥对本链、本单位、密钥编号 validator 签署。请重做。"
    en = (
        "The consensus key of {member} comes without a valid proof of possession: it is signed by that key "
        "for this chain, this member and the key id `validator`. Make it anew."
    )


class RotationTooSoon(Refusal, code="consortium.rotation_too_soon", field="public"):
    zh = "{member} 在 {hours} 小时内已更换过共识密钥。请稍后再换；如密钥已泄露，请其他成员表决更换。"
    en = (
        "{member} changed its consensus key within the last {hours} hours. Wait; if the key leaked, have the "
        "members vote on a new one."
    )


class NothingDue(Refusal, code="consortium.nothing_due", field="actions"):
    zh = "没有到期的工作，无需唤醒。节点会在有工作到期时自行发送。"
    en = "Nothing is due, so there is nothing to wake. A node sends this by itself when work falls due."


class AddressUnknown(Refusal, code="consortium.address_unknown", field="address"):
    zh = "共识引擎报告的地址 {address} 不属于任何登记过的共识密钥，未作处理。请核对引擎的创世文件。"
    en = (
        "The engine reports address {address}, which belongs to no consensus key ever registered; nothing "
        "was done. Compare the engine's genesis file."
    )
