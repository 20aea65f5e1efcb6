"""Bugs planted on purpose (`hansa simulate --plant NAME`): each must be found, or a promise is missing."""

from hansa.apps.billing import closing, lifecycle, rating_usage
from hansa.apps.billing import lines as reckoning
from hansa.apps.consortium import approvals, key_rules, members, validators, votes
from hansa.apps.leasing import booking, ends, handover, signing, use
from hansa.apps.metering import contract as metering
from hansa.apps.money import accounts, banking, obligations, receipts
from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.application import Application
from hansa.kernel import apply, due, keys
from hansa.simulation.simulator.planting import Change, Into, careless, forgetful
from hansa.simulation.simulator.planting import lines as program
from hansa.simulation.simulator.plants import Plant

HERE = "__import__('hansa.simulation.simulator.planting', fromlist=['planting'])"
"""How a changed line reaches what differs between machines."""


class Early(Application):
    """Answers a commit before the block is durable."""

    _open = False

    def commit(self, asked: abci.Commit) -> abci.CommitAnswer:
        self._open = True
        return abci.CommitAnswer(retain_height=0)

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        if self._open:
            self._open = False
            super().commit(abci.Commit())
        return super().finalize_block(asked)


class Leaves(Application):
    """Tells the engine of leaves, not of blocks: those without a leaf are forgotten."""

    def info(self, asked: abci.Info) -> abci.InfoAnswer:
        return super().info(asked)._replace(last_block_height=self.height)


class Silent(Application):
    """Does not tell the engine who validates from now on."""

    def finalize_block(self, asked: abci.FinalizeBlock) -> abci.FinalizeBlockAnswer:
        return super().finalize_block(asked)._replace(validator_updates=())


class Trusting(Application):
    """Votes for whatever is proposed."""

    def process_proposal(self, asked: abci.ProcessProposal) -> abci.ProcessProposalAnswer:
        return abci.ProcessProposalAnswer(abci.Status.ACCEPT)


def _plant(name: str, zh: str, en: str, into: Into) -> Plant:
    return Plant(name, zh, en, into)


LOST = (
    _plant(
        "lost-write",
        "一个节点的磁盘偶尔丢失一条记录",
        "a node's disk now and then loses a record",
        forgetful(1),
    ),
)
SKIPPED = (
    _plant(
        "receipt-twice",
        "同一笔银行流水可重复入账",
        "a bank's entry is recorded twice",
        program(
            Change(receipts.receive, "if earlier is not None and not earlier.reversed_reason:", "if False:")
        ),
    ),
    _plant(
        "wrong-party",
        "任何成员都可免除他人的应收款",
        "any member forgoes what another is owed",
        program(Change(receipts.waive, "if owed.creditor != ctx.member:", "if False:")),
    ),
    _plant(
        "booked-twice",
        "预订时不检查设备是否已被占用",
        "an asset is booked without a look at its calendar",
        program(Change(booking._clear, "in list(_overlapping(ctx, slot)):", "in []:")),
    ),
    _plant(
        "half-the-votes",
        "半数所需赞成票即通过",
        "half of the votes that are needed carry a proposal",
        program(Change(votes.vote, "if count.yes * ALL_BP >=", "if 2 * count.yes * ALL_BP >=")),
    ),
    _plant(
        "votes-twice",
        "一个成员可重复投票",
        "a member votes twice",
        program(
            Change(votes.vote, "if BALLOTS.get(ctx, (a.proposal, ctx.member)) is not None:", "if False:")
        ),
    ),
    _plant(
        "own-approval",
        "提交人可自行审批",
        "whoever proposed approves it as well",
        program(
            Change(approvals.approve, "if approver.holder == held.holder:", "if False:"),
            Change(approvals.approve, "len(approvals) + _counts(ctx, held) <", "1 + len(approvals) <"),
        ),
    ),
    _plant(
        "second-word",
        "已使用序号下的不同读数也被记录",
        "what contradicts a reading is recorded beside it",
        program(Change(metering._told, "known_ms = standing.get(point.sequence)", "known_ms = None")),
    ),
    _plant(
        "closed-early",
        "周期未到截止时间即结算",
        "a period is closed before its cut-off",
        program(
            Change(
                closing.close,
                "if ctx.time_ms < period.to_ms + agreement.terms.cut_off_ms:",
                "if False:",
            )
        ),
    ),
    _plant(
        "dispute-ignored",
        "有争议的明细行照样成为应付款",
        "lines in dispute are owed all the same",
        program(
            Change(
                lifecycle.agreed_minor,
                "user_minor = gross_minor - sum(amount for amount in left if amount > 0)",
                "user_minor = gross_minor",
            )
        ),
    ),
    _plant(
        "handed-over-alone",
        "一方可自行确认自己的交接报告",
        "a party confirms its own report of a handover",
        program(
            Change(
                handover.confirm_handover,
                "if report.by == ctx.member and not _is_unanswered(ctx, a.direction, report):",
                "if False:",
            )
        ),
    ),
    _plant(
        "anyone-starts-jobs",
        "任何一方都可在租用设备上开工",
        "a lessor starts jobs on an asset that it has let",
        program(Change(use.start_job, "of_lessee(ctx, a.lease, ", "of_party(ctx, a.lease, ")),
    ),
    _plant(
        "deposit-kept",
        "租约结清后不退还保证金",
        "the deposit of a lease that is closed does not go back",
        program(Change(ends.close, 'give_back(ctx, a.lease, "security_deposit")', "pass")),
    ),
    _plant(
        "any-scope",
        "密钥可签署授权范围外的操作",
        "a key signs what is not in its scopes",
        program(Change(apply._transact, "if not keys.in_scope(key.scopes, tag):", "if False:")),
    ),
    _plant(
        "dead-key",
        "已吊销的密钥仍可签名",
        "a key that was revoked still signs",
        program(
            Change(keys.current, "if record.revoked_ms and ctx.time_ms >= record.revoked_ms:", "if False:")
        ),
    ),
    _plant(
        "replay",
        "不检查交易序号是否用过",
        "nobody looks whether a sequence was used",
        program(
            Change(
                keys.used,
                "if -ahead >= limits.WINDOW_WIDTH or bits >> -ahead & 1:",
                "if -ahead >= limits.WINDOW_WIDTH:",
            )
        ),
    ),
    _plant(
        "too-late",
        "过期交易仍被执行",
        "a transaction is done after its time",
        program(Change(apply._check_validity, "if body.valid_until_ms <= ctx.time_ms:", "if False:")),
    ),
    _plant(
        "due-left",
        "到期工作被遗漏",
        "work that is due is left lying",
        program(Change(due.next_due, "limit=limits.DUE_PER_BLOCK_MAX", "limit=1")),
    ),
    _plant(
        "due-uncounted",
        "完成的到期工作仍计入成员账户",
        "work that was done stays on its member's account",
        program(Change(due.remove, "_release(ctx, item.member)", "pass")),
    ),
)
MISSED = (
    _plant(
        "last-key",
        "成员可吊销最后一把管理密钥",
        "a member ends the last key by which it manages its keys",
        program(Change(key_rules.revoke_key, "if manages(key.scopes):", "if False:")),
    ),
    _plant(
        "unshown-validators",
        "验证方变更后不发布事件",
        "a change of the validators is not shown",
        program(Change(validators.show, "ctx.emit(", "repr(")),
    ),
    _plant(
        "never-debited",
        "转出方余额未扣减",
        "whoever gives claims keeps them",
        program(Change(accounts.post, "_add(ctx, bank, currency, source, -amount_minor)", "pass")),
    ),
    _plant(
        "listed-for-ever",
        "已付清的应付款仍在待收清单中",
        "what is paid stays on the list of what is open",
        program(Change(obligations._write, "OWED_TO.delete(ctx, (creditor, due_ms, name))", "pass")),
    ),
    _plant(
        "silence-at-once",
        "对方沉默一毫秒即视为确认",
        "a moment of silence confirms a statement",
        program(Change(lifecycle.silence_ms, "settlement.silence_days * limits.DAY_MS", "1")),
    ),
    _plant(
        "calendar-left",
        "续租后未延长设备占用",
        "a lease that is extended takes no more of the calendar",
        program(Change(ends.extend, "booking.move_end(ctx, a.lease, a.to_ms)", "pass")),
    ),
    _plant(
        "one-signature",
        "一方签署即告成立",
        "a lease binds by one signature",
        program(Change(signing.sign, "if others:", "if True:")),
    ),
    _plant(
        "counted-twice",
        "同一读数被重复计费",
        "what a counter counted is billed twice",
        program(Change(rating_usage.usage_quantity, "return sum(", "return 2 * sum(")),
    ),
)
APART = (
    _plant(
        "set-order",
        "结果取决于集合的遍历顺序",
        "what happens depends on the order of a set",
        program(Change(members.update_member, "licences=a.licences", f"licences={HERE}.turned(a.licences)")),
    ),
    _plant(
        "clock",
        "合约读取本机时钟",
        "a contract reads the clock of its machine",
        program(
            Change(receipts.receive, "recorded_ms=ctx.time_ms", f"recorded_ms={HERE}.elapsed_ms(ctx.time_ms)")
        ),
    ),
    _plant(
        "float",
        "金额用浮点数计算",
        "amounts are reckoned with floating point",
        program(
            Change(
                reckoning.divide,
                "quotient, rest = divmod(abs(numerator), denominator)",
                "return round(numerator / denominator)",
            )
        ),
    ),
)
MONEY = (
    _plant(
        "paid-twice",
        "一次付款被执行两次",
        "a payment is made twice",
        program(
            Change(
                banking.pay,
                "    post(ctx, owed.bank",
                "    post(ctx, owed.bank, owed.currency, free(ctx.member), target, a.amount_minor, "
                '"payment", a.obligation)\n    post(ctx, owed.bank',
            )
        ),
    ),
    _plant(
        "transferred-twice",
        "一次转账被执行两次",
        "a transfer is made twice",
        program(
            Change(
                banking.transfer,
                "    move(ctx",
                "    move(ctx, a.bank, ctx.member, a.payee, a.currency, a.amount_minor)\n    move(ctx",
            )
        ),
    ),
    _plant(
        "reversal-forgotten",
        "撤销收款后应付款仍算已付",
        "a payment that was undone still pays",
        program(
            Change(receipts.reverse, 'signals += unsettle(ctx, each.obligation, "receipt", a.entry)', "pass")
        ),
    ),
)
APPLICATION = (
    _plant(
        "early-answer", "区块落盘前就应答提交", "a commit is answered before it is durable", careless(Early)
    ),
    _plant("leaves-for-blocks", "未保存引擎高度", "the engine's height is not kept", careless(Leaves)),
    _plant(
        "silent-validators", "验证方变更未告知引擎", "the engine is not told who validates", careless(Silent)
    ),
    _plant("trusting", "对任何提案都投赞成票", "nodes vote for whatever is proposed", careless(Trusting)),
)
PLANTS: dict[str, Plant] = {
    plant.name: plant for plant in (*LOST, *SKIPPED, *MISSED, *APART, *MONEY, *APPLICATION)
}
"""By name."""
