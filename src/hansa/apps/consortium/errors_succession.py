"""Refusals of a succession: the cosigners' word that another of them goes on as operator."""

from hansa.kernel.refusal import Refusal


class SuccessionAlone(Refusal, code="consortium.succession_alone", field="actions"):
    zh = "运营方接任须单独成一笔交易，不可与其他动作同签。请分开提交。"
    en = "A succession stands alone in its transaction. Send the other actions apart from it."


class SuccessionElsewhere(Refusal, code="consortium.succession_elsewhere", field="succession"):
    zh = (
        "接任文件针对另一联盟链，或针对区块 {height} 之后的下一区块，而现在是区块 {here}。"
        "请由见证方就现在的末块重新签署。"
    )
    en = (
        "The succession is of another chain, or goes on after block {height}, while this is block {here}. "
        "Have the cosigners sign anew for the last block that stands."
    )


class SuccessorUnfit(Refusal, code="consortium.successor_unfit", field="operator"):
    zh = "{member} 不能接任：须为现有见证方之一，且不是现任运营方。请改选其他见证方。"
    en = (
        "{member} cannot take over: a successor has a seat among the cosigners in force and is not the "
        "operator already. Choose another cosigner."
    )


class SuccessionSignature(Refusal, code="consortium.succession_signature", field="signatures"):
    zh = (
        "{member} 的签名不可用：该单位没有见证席位、已签过一次，或不是其席位密钥对这份文件所签。"
        "请去掉或重签。"
    )
    en = (
        "The signature of {member} does not count: it has no seat, has signed already, or its seat's key did "
        "not sign these very bytes. Leave it out, or have it sign anew."
    )


class SuccessionTooFew(Refusal, code="consortium.succession_too_few", field="signatures"):
    zh = "接任文件有 {signed} 个见证方签名，法定会签数为 {quorum}。请再收集 {missing} 个签名。"
    en = "{signed} cosigners signed the succession, the quorum is {quorum}. Collect {missing} more."


class SuccessionNone(Refusal, code="consortium.succession_none", field="cosigners"):
    zh = (
        "运营方之外没有其他见证方，无人可以接任。请恢复运营方的节点密钥与备份；今后请先由成员表决设立见证方。"
    )
    en = (
        "There is no cosigner besides the operator, so nobody can take over. Bring the operator's node key "
        "and backup back; and have the members vote cosigners in before it is needed again."
    )


class CosignersTwice(Refusal, code="consortium.cosigners_twice", field="subject"):
    zh = "见证方名单已在本区块变更过一次，一个区块只能变更一次。请在下一区块再试。"
    en = "The set of cosigners was changed in this block already, and changes once a block. Try again."
