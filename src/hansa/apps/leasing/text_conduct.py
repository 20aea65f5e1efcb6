"""What the contract says of handing over, using, ending, disputing: Chinese beside English. Pure.

Law is cited as in `text_deal`: 民法典 on repair (arts. 712, 713), sublease (716), unpaid rent (722), wear and
return (710, 733), electronic data as writing (469); 电子签名法 art. 14.
"""

from collections.abc import Iterator

from hansa.apps.billing.texts_trade import attribution_text, check_text, unknown_text
from hansa.apps.leasing.text_draft import Draft, is_cn
from hansa.apps.leasing.text_words import Pair, span
from hansa.kernel import digest, limits

LANGUAGES: dict[str, Pair] = {"zh": ("中文", "Chinese"), "en": ("英文", "English")}
ITEMS_SHOWN = 200


def handover(draft: Draft) -> Iterator[Pair]:
    items = draft.asset.checklist
    names_zh = "、".join(items[:ITEMS_SHOWN]) if items else "无"
    names_en = ", ".join(items[:ITEMS_SHOWN]) if items else "none"
    yield (
        f"入场与返还均须填写状况清单（项目：{names_zh}），注明完好、正常磨损、损坏或缺失，附照片摘要；照片原"
        "件由拍摄方保存，以摘要核对。",
        f"At either handover the condition checklist is filled in (items: {names_en}): good, worn, damaged "
        "or missing, with the digests of photos. The photos stay at whoever took them and are checked by "
        "their digest.",
    )
    yield (
        "双方同时核对每个计数器；所报读数须等于该计量点在此刻之前最后一条有效记录。",
        "Both read every counter; the value reported must be that of the feed's last good record up to "
        "that moment.",
    )
    yield (
        "一方报告，另一方确认。另一方可以保留个别项目：保留项目列为有争议，其余生效；也可以整体拒收，由报告"
        "方重报。",
        "One party reports, the other confirms. It may keep back single items: these are listed as "
        "disputed, the rest stands; or it may refuse the whole, which is then reported anew.",
    )
    zh, en = span(limits.HANDOVER_SILENCE_MS)
    yield (
        f"返还报告满 {zh}未获确认或拒收的，报告方可自行确认。",
        f"A return that is neither confirmed nor refused within {en} of its report may be confirmed by who "
        "reported it.",
    )


def data(draft: Draft) -> Iterator[Pair]:
    feeds_zh = "；".join(f"{each.meter}＝{each.owner}/{each.feed}" for each in draft.terms.meters)
    feeds_en = "; ".join(f"{each.meter} = {each.owner}/{each.feed}" for each in draft.terms.meters)
    yield (
        f"计费所依据的计量点：{feeds_zh or '无'}。",
        f"What is billed is counted by these feeds: {feeds_en or 'none'}.",
    )
    for gap in draft.terms.terms.gaps:
        zh, en = span(gap.longer_than_ms)
        yield (
            f"计量项 {gap.meter} 中断超过 {zh}的，按规则 {gap.rule} 计，并在结算单中列明。",
            f"A gap of meter {gap.meter} longer than {en} counts by the rule {gap.rule} and is listed in "
            "the statement.",
        )
    for check in draft.terms.terms.checks:
        zh, en = check_text(check)
        yield f"副表：{zh}。", f"Check feed: {en}."
    for bound in draft.terms.terms.unknown:
        zh, en = unknown_text(bound)
        yield f"未知时间：{zh}。", f"Unknown time: {en}."
    yield (
        "记录、结算单、交接与签名以联盟账本为证；任何一方可向第三方出示，由其离线验证。原始数据归产生方所"
        "有，不因本合同转移。",
        "Records, statements, handovers and signatures are proved by the consortium's ledger; either party "
        "may show them to others, who check them offline. Raw data stay with whoever made them; this "
        "contract transfers none.",
    )


def breakdown(draft: Draft) -> Iterator[Pair]:
    repair = "" if not is_cn(draft) else "（《民法典》第七百一十二条、第七百一十三条）"
    repair_en = "" if not is_cn(draft) else " (PRC Civil Code, arts. 712 and 713)"
    yield (
        "租赁物不能工作的，发现方及时报告时间、原因代码与责任方；另一方可在该期截止前提出异议。",
        "When the asset does not work, whoever finds it reports time, reason code and liable party without "
        "delay; the other may contest it until the period is cut off.",
    )
    yield (
        f"非因承租方原因的，由出租方维修{repair}；因出租方原因的停机时间按资费中的可用率条款扣减，资费无此条"
        "款的不扣减。",
        f"Unless the lessee caused it, the lessor repairs it{repair_en}. Time lost through the lessor "
        "lessens the price as far as the tariff has an availability clause.",
    )
    rules = draft.terms.terms.attribution
    for rule in rules:
        zh, en = attribution_text(rule)
        yield f"{zh}。", f"{en}."
    if rules:
        yield (
            "结算期关账前任何一方均可认定为其他原因，另一方可以提出异议。",
            "Until a period closes either party may claim another cause, and the other may contest it.",
        )


def use(draft: Draft) -> Iterator[Pair]:
    zh, en = span(limits.SUSPENSION_NOTICE_MIN_MS)
    yield (
        f"承租方款项逾期的，出租方可至少提前 {zh}通知暂停：自通知所定时间起不得开始新任务；正在运行的任务不"
        "受影响，设备不会因此停机。逾期款项付清即自动恢复。",
        f"Where an item is overdue, the lessor may give notice of suspension at least {en} ahead: from then "
        "on no new job starts. A running job goes on; no machine is stopped. It ends by itself once what "
        "is overdue is paid.",
    )


def end(draft: Draft) -> Iterator[Pair]:
    terms = draft.terms
    yield (
        "双方一致可随时提前终止或续期；续期以届时无他人预订为限。",
        "Both together may end it early or extend it at any time; the latter as far as nobody else has "
        "booked the asset.",
    )
    if terms.early_end_notice_ms:
        zh, en = span(terms.early_end_notice_ms)
        yield (
            f"任何一方可提前 {zh}通知终止。",
            f"Either party may end it by notice of {en}.",
        )
    else:
        yield "任何一方不得单方提前通知终止。", "Neither party may end it early by notice alone."
    zh, en = span(limits.DEFAULT_AFTER_MS)
    law = "（参见《民法典》第七百二十二条）" if is_cn(draft) and terms.nature == "operating" else ""
    law_en = " (see PRC Civil Code, art. 722)" if law else ""
    yield (
        f"暂停满 {zh}而逾期款项仍未付清的，出租方可终止{law}；其转租随之终止。",
        f"Where the lessee was suspended for {en} and has still not paid, the lessor may end it{law_en}; "
        "what the lessee has sublet ends with it.",
    )
    yield (
        "返还在终止时间之前经双方确认的，本合同于确认之时终止，此后不再计费。",
        "Where both confirm the return before the end, the contract ends at that moment, and nothing is "
        "charged after it.",
    )


def sublease(draft: Draft) -> Iterator[Pair]:
    law = "（《民法典》第七百一十六条）" if is_cn(draft) and draft.terms.nature == "operating" else ""
    law_en = " (PRC Civil Code, art. 716)" if law else ""
    yield (
        f"承租方经出租方在账本上登记同意，可在同意的期间内将租赁物转租给同意的对象{law}；转租期间不得超过本"
        "合同期间，本合同继续有效，承租方仍对出租方负责。",
        "With the lessor's consent on record the lessee may sublease the asset, in the period and to whom "
        f"the consent says{law_en}, never beyond its own time. This contract goes on, and the lessee stays "
        "answerable to the lessor.",
    )
    yield (
        "主租约与转租使用同一组计数器：主租约计全部用量，转租只计自其交接入场至返还的用量；跨越交接时刻的读"
        "数区间只计入主租约。",
        "Head lease and sublease share one set of counters: the head lease counts all, the sublease only "
        "what falls between its own handovers. A stretch between readings that crosses a handover counts "
        "for the head lease alone.",
    )
    yield (
        "承租方的转让须由出租方与受让方签署新的合同，自其所定时间起生效。",
        "The lessee may be replaced by another where lessor and successor sign a new contract, from the "
        "time that it names.",
    )


def giving_back(draft: Draft) -> Iterator[Pair]:
    wear = (
        "（参见《民法典》第七百一十条、第七百三十三条）"
        if is_cn(draft) and draft.terms.nature == "operating"
        else ""
    )
    wear_en = " (see PRC Civil Code, arts. 710 and 733)" if wear else ""
    zh, en = span(limits.DAMAGE_OPEN_MAX_MS)
    yield (
        f"到期时承租方返还租赁物；正常使用的磨损不作赔偿{wear}。",
        f"At the end the lessee returns the asset; wear by ordinary use is not paid for{wear_en}.",
    )
    yield (
        f"返还确认后 {zh}内，出租方可就损坏提出金额与照片摘要；承租方认可后成为应付款。未获认可的，不影响本"
        "合同结清，由出租方另行主张。",
        f"Within {en} after the confirmed return the lessor may ask for damage, with an amount and digests "
        "of photos; once the lessee agrees it is owed. What is not agreed does not keep the contract from "
        "being settled; the lessor pursues it elsewhere.",
    )
    yield (
        "款项结清后任何一方可关闭本合同，保证金余额与预付款余额随之返还。",
        "Once all is paid either party closes the contract; what is left of deposit and prepayment goes "
        "back.",
    )


def law(draft: Draft) -> Iterator[Pair]:
    terms = draft.terms
    zh, en = LANGUAGES[terms.prevailing_language]
    country = "中国（大陆）" if is_cn(draft) else f"国家代码 {terms.governing_law} 所指国家"
    country_en = (
        "mainland China" if is_cn(draft) else f"the country of code {terms.governing_law} (ISO 3166-1)"
    )
    yield f"本合同适用{country}法律。", f"The law of {country_en} governs."
    yield (
        f"中英文文本不一致时，以{zh}文本为准。",
        f"Where the Chinese and the English text differ, the {en} one prevails.",
    )
    yield (
        "争议先由双方依账本证据协商；协商不成的，依法向有管辖权的法院起诉，另有仲裁约定作为附件的依其约定。",
        "Disputes are first talked over on the evidence of the ledger; failing that, the courts that have "
        "jurisdiction by law decide, or arbitration where an attachment provides for it.",
    )


def signature(draft: Draft) -> Iterator[Pair]:
    yield (
        f"附件一：资费，SHA-256 {digest(draft.tariff)}。",
        f"Annex 1: tariff, SHA-256 {digest(draft.tariff)}.",
    )
    for attachment in draft.attachments:
        yield (
            f"附件 {attachment.name}：SHA-256 {attachment.sha256}。",
            f"Attachment {attachment.name}: SHA-256 {attachment.sha256}.",
        )
    law = "（《民法典》第四百六十九条；《电子签名法》第十四条）" if is_cn(draft) else ""
    law_en = " (PRC Civil Code, art. 469; Electronic Signature Law, art. 14)" if law else ""
    yield (
        f"双方约定以登记密钥对条款、中英文文本及附件摘要所作的电子签名签署本合同{law}；双方均签署时成立并生"
        "效。",
        "The parties agree to sign by electronic signatures of registered keys over terms, both texts and "
        f"the digests of the attachments{law_en}. The contract is made and binds once both have signed.",
    )
