"""A made-up report: a month of a packaging line at a plant in Suzhou, with every feature a report can show.

All figures are generated from one seed and hang together; none comes from a real machine.
"""

import hashlib
import random

from hansa.console.report import data as d
from tests.console import sample_business, sample_node

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
BEGIN_MS = 1_738_339_200_000
"""2025-02-01 00:00 in Shanghai."""
END_MS = BEGIN_MS + 28 * DAY_MS
STATES = ("ACTIVE", "READY", "STOPPED", "INTERRUPTED", "unknown")
GAP = (BEGIN_MS + 12 * DAY_MS, BEGIN_MS + 14 * DAY_MS + 5 * HOUR_MS)
PRICE_E8 = 350_000_000
TAX_BP = 1300


def text(zh: str, en: str) -> d.Text:
    return d.Text(zh=zh, en=en)


def sha(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def sample(
    *, replay: bool = True, made_up: bool = True, device: str = "packer-3", holds: bool = True
) -> d.ReportData:
    """The whole report. `holds` false: one check failed, one statement differs, one cheat went unseen."""
    rng = random.Random(7)
    statements = (january(), february())
    return d.ReportData(
        title=text("包装线 3 号机：按件计费结算报告", "Packaging line 3: pay-per-piece settlement report"),
        replay=replay,
        made_up=made_up,
        made_at_ms=END_MS + 2 * DAY_MS,
        consortium=consortium(),
        device=device,
        zone=d.Zone(name="Asia/Shanghai", transition_ms=(0,), offset_minutes=(480,)),
        feeds=(pieces(rng), scrap(), energy(rng), states(rng)),
        oee=oee(),
        read=read_summary(),
        agreement=agreement(),
        statements=statements,
        audit=audit(statements, holds),
        operations=sample_node.operations(BEGIN_MS),
        governance=sample_node.governance(BEGIN_MS),
        business=sample_business.business(BEGIN_MS),
        evidence_file="evidence-2025-02.json",
        genesis_file="genesis.json",
    )


def consortium() -> d.Consortium:
    members = (
        ("maker", "苏州恒准包装机械有限公司", "Suzhou Hengzhun Packaging Machinery Co., Ltd.", "maker"),
        ("plant", "江南食品股份有限公司", "Jiangnan Foods Co., Ltd.", "plant"),
        ("bank", "太湖商业银行", "Taihu Commercial Bank", "bank"),
        ("auditor", "明衡会计师事务所", "Mingheng Certified Public Accountants", "auditor"),
    )
    return d.Consortium(
        name_zh="华东包装产能共享联盟",
        name_en="East China Packaging Capacity Alliance",
        members=tuple(d.Member(id=m[0], name_zh=m[1], name_en=m[2], role=m[3]) for m in members),
    )


def source(kind: str = "gateway", files: int = 28) -> d.Source:
    names = [f"line3-2025-02-{day:02d}.csv" for day in range(1, files + 1)]
    return d.Source(
        signed_by_device=kind == "device",
        key=f"plant.{kind}-1",
        kind=kind,
        files=tuple(d.SourceFile(name=name, sha256=sha(name)) for name in names),
    )


def pieces(rng: random.Random) -> d.Feed:
    """A counter with a gap, false zeros, a pending fall, a reset and a replacement of the device."""
    reset_ms, replaced_ms = BEGIN_MS + 8 * DAY_MS, BEGIN_MS + 20 * DAY_MS
    points: list[tuple[int, int | None]] = []
    count, at_ms, resets = 48_210, BEGIN_MS, [(replaced_ms, 0), (reset_ms, 0)]
    while at_ms < END_MS:
        if GAP[0] <= at_ms < GAP[1]:
            points.append((at_ms, None))
            at_ms, count = GAP[1], count + 2_417
        if resets and at_ms >= resets[-1][0]:
            at, count = resets.pop()
            points.append((at, None))
        points.append((at_ms, count))
        local_hour = (at_ms // HOUR_MS + 8) % 24
        count += rng.randrange(40, 140) if 7 <= local_hour < 21 else rng.randrange(0, 4)
        at_ms += HOUR_MS
    false_ms = (BEGIN_MS + 4 * DAY_MS + 3 * HOUR_MS, BEGIN_MS + 17 * DAY_MS + 9 * HOUR_MS)
    return d.Feed(
        name="packer3.pieces",
        kind="counter",
        unit_text=text("件", "pieces"),
        base_unit="piece",
        scale_text="1 = 1 piece",
        source=source(),
        legal_use=d.LegalUse(grade="billing"),
        wired=True,
        integrated=False,
        series=tuple(points),
        false_readings=tuple((at, 0) for at in false_ms),
        lives=(
            d.Life(at_ms=reset_ms, kind="reset", final_value="56134", start_value="0"),
            d.Life(at_ms=replaced_ms, kind="replacement", final_value="11970", start_value="0"),
        ),
        gaps=(
            d.Gap(
                feed="packer3.pieces", from_ms=GAP[0], to_ms=GAP[1], rule="counter_difference",
                quantity="2417", unit="piece", status="closed",
            ),
            d.Gap(
                feed="packer3.pieces", from_ms=END_MS - 5 * HOUR_MS, to_ms=END_MS, rule="counter_difference",
                quantity="0", unit="piece", status="open",
            ),
        ),
        falls=(
            *(false_zero(at_ms) for at_ms in false_ms),
            d.Fall(
                feed="packer3.pieces", at_ms=END_MS - 5 * HOUR_MS, to_ms=END_MS - HOUR_MS, readings=4,
                value="12", last_good="8840", became="pending",
            ),
        ),
    )  # fmt: skip


def false_zero(at_ms: int) -> d.Fall:
    return d.Fall(
        feed="packer3.pieces",
        at_ms=at_ms,
        to_ms=at_ms + 40_000,
        readings=1,
        value="0",
        last_good="51892",
        became="false_reading",
    )


def scrap() -> d.Feed:
    """A counter that was never wired."""
    return d.Feed(
        name="packer3.scrap",
        kind="counter",
        unit_text=text("件", "pieces"),
        base_unit="piece",
        scale_text="1 = 1 piece",
        source=source(),
        legal_use=d.LegalUse(grade="indicative"),
        wired=False,
        integrated=False,
        series=((BEGIN_MS, 0), (END_MS, 0)),
    )


def energy(rng: random.Random) -> d.Feed:
    """Energy per 15 minutes of a certified meter, which signs for itself, with an estimated gap."""
    series: list[tuple[int, float | None]] = []
    for index in range(1, 28 * 96 + 1):
        at_ms = BEGIN_MS + index * DAY_MS // 96
        load = 3.2 if 7 <= (at_ms // HOUR_MS + 8) % 24 < 21 else 0.4
        lost = GAP[0] < at_ms <= GAP[1] - 30 * HOUR_MS
        series.append((at_ms, None if lost else round(load * rng.uniform(0.8, 1.2), 3)))
    return d.Feed(
        name="packer3.energy",
        kind="amount",
        unit_text=text("千瓦时", "kWh"),
        base_unit="Wh",
        scale_text="1 kWh = 1,000 Wh",
        source=source("device", 1),
        legal_use=d.LegalUse(
            grade="billing",
            certificate="JJG596-2012/88213",
            valid_until_ms=BEGIN_MS + 900 * DAY_MS,
            accuracy_class="0.5S",
            seal="SZ-40021",
        ),
        wired=True,
        integrated=False,
        series=tuple(series),
        gaps=(
            d.Gap(
                feed="packer3.energy", from_ms=GAP[0], to_ms=GAP[1] - 30 * HOUR_MS, rule="average_day",
                quantity="41.385", unit="kWh", status="closed",
            ),
        ),
    )  # fmt: skip


def states(rng: random.Random) -> d.Feed:
    bands: list[tuple[int, int, int]] = []
    at_ms = BEGIN_MS
    while at_ms < END_MS:
        if GAP[0] <= at_ms < GAP[1]:
            bands.append((at_ms, GAP[1], 4))
            at_ms = GAP[1]
            continue
        night = not 7 <= (at_ms // HOUR_MS + 8) % 24 < 21
        state = 2 if night else rng.choice((0, 0, 0, 0, 1, 3))
        length_ms = rng.randrange(HOUR_MS // 6, 2 * HOUR_MS)
        to_ms = min(at_ms + length_ms, END_MS, GAP[0] if at_ms < GAP[0] else END_MS)
        bands.append((at_ms, to_ms, state))
        at_ms = to_ms
    state_ms = tuple(
        sum(to - since for since, to, at in bands if at == index) for index in range(len(STATES))
    )
    return d.Feed(
        name="packer3.execution",
        kind="state",
        unit_text=text("小时", "h"),
        base_unit="ms",
        scale_text="",
        source=source(),
        legal_use=d.LegalUse(grade="indicative"),
        wired=True,
        integrated=False,
        states=STATES,
        bands=tuple(bands),
        state_ms=state_ms,
        gaps=(
            d.Gap(
                feed="packer3.execution", from_ms=GAP[0], to_ms=GAP[1], rule="dispute", quantity="0",
                unit="h", status="disputed",
            ),
        ),
    )  # fmt: skip


def oee() -> d.Oee:
    nothing = text("", "")
    return d.Oee(
        availability=d.OeeFactor(
            value="0.6713",
            given=True,
            how=text(
                "运行时间 ÷ 计划忙碌时间（日历班次）",
                "time in ACTIVE ÷ planned busy time (shifts of the calendar)",
            ),
            needs=nothing,
        ),
        performance=d.OeeFactor(
            value=None,
            given=False,
            how=nothing,
            needs=text("需要每件的计划节拍", "needs the planned run time per piece"),
        ),
        quality=d.OeeFactor(
            value=None,
            given=False,
            how=nothing,
            needs=text("需要已接线的废品计数", "needs a scrap counter that is wired"),
        ),
        oee=d.OeeFactor(
            value=None,
            given=False,
            how=nothing,
            needs=text("需要性能率和合格率", "needs performance and quality"),
        ),
    )


def read_summary() -> d.ReadSummary:
    refused = [
        ("line3-2025-02-05.csv", 4_117, 3, "edge.number_unreadable", "“ERR”不是数", "'ERR' is not a number"),
        (
            "line3-2025-02-09.csv", 2, 1, "edge.clock_before",
            "时间早于 2024-01-01（not_before），视为时钟未校准",
            "earlier than 2024-01-01 (not_before): taken for a clock set wrong",
        ),
    ]  # fmt: skip
    return d.ReadSummary(
        rows=41_388,
        readings=39_214,
        duplicates=812,
        out_of_order=37,
        late=14,
        misdated=15,
        malformed=3,
        skipped={"other": 1_302, "asset": 42, "heartbeat": 7},
        refused=tuple(
            d.RefusedRow(file=r[0], line=r[1], column=r[2], code=r[3], zh=r[4], en=r[5]) for r in refused
        ),
    )


def agreement() -> d.Agreement:
    return d.Agreement(
        id="packer3-2025",
        provider="maker",
        user="plant",
        from_ms=BEGIN_MS - 31 * DAY_MS,
        to_ms=BEGIN_MS + 334 * DAY_MS,
        tariff_name="per-piece-2025 v1",
        tariff_lines=(
            text("每月免费 2,000 件", "2,000 pieces a month are included"),
            text("其后每件 3.50 元，不含税", "each further piece 3.50 CNY, without tax"),
            text("设备服务费每月 1,200.00 元，按天折算", "service fee 1,200.00 CNY a month, pro rata"),
        ),
        gap_rules=(
            text("产量：超过 15 分钟的空缺按计数差", "pieces: gaps longer than 15 min by counter difference"),
            text("运行状态：不计，列为争议", "execution: left out and listed as disputed"),
        ),
        cut_off_text=text("期末后 3 天", "3 days after the end of the period"),
        currency="CNY",
        minor_digits=2,
    )


def taxed(net_minor: int) -> dict[str, int]:
    tax_minor = (net_minor * TAX_BP + 5_000) // 10_000
    return {"net_minor": net_minor, "tax_minor": tax_minor, "gross_minor": net_minor + tax_minor}


def line(
    number: int, kind: str, words: d.Text, quantity: int, priced: bool, net_minor: int
) -> d.StatementLine:
    usage = kind != "fixed"
    return d.StatementLine(
        number=number,
        clause="per_piece" if usage else "service",
        kind=kind,
        text=words,
        quantity=str(quantity),
        unit="piece" if usage else "",
        price="3.50" if priced else "0.00",
        price_e8=PRICE_E8 if priced else 0,
        tax_rate_bp=TAX_BP,
        explanation=explanation(quantity, net_minor) if priced else d.Node(text=words),
        **taxed(net_minor),
    )


def explanation(quantity: int, net_minor: int) -> d.Node:
    """Six levels: line → clause → buckets → counter records → signature → anchor and reading."""
    records = tuple(counter_record(n) for n in range(1, 61))
    days = tuple(
        d.Node(
            text=text(f"2025-02-{day:02d} 的桶", f"Bucket of 2025-02-{day:02d}"),
            ok=True,
            children=records if day == 1 else (),
        )
        for day in range(1, 4)
    )
    clause = d.Node(
        text=text("资费条款 per_piece，第 1 档", "Tariff clause per_piece, tier 1"),
        detail=text("每件 3.50 元，免费 2000 件之后", "3.50 CNY per piece after 2000 included"),
        ok=True,
        children=days,
    )
    gap = text("空缺按计数差计入 2417 件", "A gap counted 2417 pieces by counter difference")
    product = f"{quantity} × 3.50 = {net_minor / 100:.2f}"
    return d.Node(
        text=text(f"{product}，四舍五入到分", f"{product}, rounded half up to the cent"),
        ok=True,
        children=(clause, d.Node(text=gap, ok=True)),
    )


def counter_record(n: int) -> d.Node:
    step = f"{48_210 + n * 90} → {48_300 + n * 90}"
    batch = sha(str(n))[:16]
    row = d.Node(text=text(f"文件第 {n * 7 + 2} 行的读数", f"Reading in line {n * 7 + 2} of the file"))
    anchor = d.Node(
        text=text("读数在存证批次中的路径成立", "The path of the reading to its anchored batch holds"),
        detail=text(f"批次 {batch}", f"batch {batch}"),
        ok=True,
        children=(row,),
    )
    signature = d.Node(
        text=text("由网关密钥签名，签名有效", "Signed by the gateway's key, the signature is valid"),
        detail=text("密钥 plant.gateway-1", "key plant.gateway-1"),
        ok=True,
        children=(anchor,),
    )
    return d.Node(
        text=text(f"计量记录 {n}：{step}", f"Counter record {n}: {step}"),
        detail=text("+90 件", "+90 pieces"),
        ok=True,
        children=(signature,),
    )


def statement(id: str, begin_ms: int, end_ms: int, lines: tuple[d.StatementLine, ...]) -> d.Statement:
    sums = {
        name: sum(getattr(each, name) for each in lines) for name in ("net_minor", "tax_minor", "gross_minor")
    }
    own = [gap for feed in (pieces(random.Random(7)), states(random.Random(7))) for gap in feed.gaps]
    return d.Statement(
        id=id,
        period_from_ms=begin_ms,
        period_to_ms=end_ms,
        currency="CNY",
        lines=lines,
        by_rate=(d.RateTotal(tax_rate_bp=TAX_BP, **sums),),
        gaps=tuple(own) if begin_ms == BEGIN_MS else (),
        falls=pieces(random.Random(7)).falls if begin_ms == BEGIN_MS else (),
        closed_ms=end_ms + 3 * DAY_MS,
        **sums,
    )


INCLUDED = text("per_piece：产量，免费额度", "per_piece: pieces, included")
PER_PIECE = text("per_piece：产量，按件计费", "per_piece: pieces, per piece")
SERVICE = text("service：固定费用", "service: fixed fee")
CORRECTION = text(
    "per_piece：更正 2025-01-01 起的结算期", "per_piece: correction of the period from 2025-01-01"
)


def january() -> d.Statement:
    lines = (
        line(1, "included", INCLUDED, 2_000, False, 0),
        line(2, "usage", PER_PIECE, 19_204, True, 6_721_400),
        line(3, "fixed", SERVICE, 1, False, 120_000),
    )
    return statement("packer3-2025.2025-01", BEGIN_MS - 31 * DAY_MS, BEGIN_MS, lines)


def february() -> d.Statement:
    lines = (
        line(1, "included", INCLUDED, 2_000, False, 0),
        line(2, "usage", PER_PIECE, 23_317, True, 8_160_950),
        line(3, "fixed", SERVICE, 1, False, 120_000),
        line(4, "correction", CORRECTION, -14, True, -4_900),
    )
    return statement("packer3-2025.2025-02", BEGIN_MS, END_MS, lines)


CHECKS = (
    ("证据文件格式规范", "The evidence file is canonical", "1 个文件，412 条事件", "1 file, 412 events"),
    ("区块头由节点密钥签名", "The header is signed by the node key", "高度 57", "height 57"),
    ("每条事件都在区块日志之中", "Every event lies in the log of blocks", "412 条路径", "412 paths"),
    ("每条计量记录的签名有效", "Every counter record is signed", "672 条记录", "672 records"),
    ("每个读数都在其存证批次之中", "Every reading lies in its batch", "39214 个读数", "39214 readings"),
)


def audit(statements: tuple[d.Statement, ...], holds: bool) -> d.Audit:
    return d.Audit(
        chain=sha("genesis"),
        height=57,
        app_hash=sha("state"),
        operator_key=sha("operator"),
        header_time_ms=END_MS + 3 * DAY_MS,
        header_signature=sha("r") + sha("s"),
        genesis_sha256=sha("file"),
        checks=tuple(
            d.Check(text=text(check[0], check[1]), ok=holds or index != 3, detail=text(check[2], check[3]))
            for index, check in enumerate(CHECKS)
        ),
        recomputed=tuple(
            d.Recomputed(
                statement=each.id,
                stated_gross_minor=each.gross_minor,
                recomputed_gross_minor=each.gross_minor - (0 if holds else 1),
            )
            for each in statements
        ),
        tamper=d.Tamper(
            text=text("第 1204 个读数由 51892 改为 51893", "Reading 1204 changed from 51892 to 51893"),
            found=text("读数与存证批次不符", "The reading does not lie in its anchored batch"),
            at=text("批次 12，第 204 个叶子", "batch 12, leaf 204"),
        ),
        not_proved=(
            text("传感器所测是否真实", "that the sensor told the truth"),
            text("密钥由谁持有", "who held the keys"),
            text("读取日志之前文件未被改动", "that nobody changed the file before the gateway read it"),
            text(
                "没有法定多数签名时，仅凭运营方的保证",
                "without a quorum of cosigners, anything beyond the operator's word",
            ),
        ),
        finality=text(
            "已成定论：4 个见证方中的 3 个已签名（须 3 个）", "Final: 3 of 4 cosigners signed, 3 are needed"
        ),
        cheats=sample_node.cheats(holds),
        commands=(
            "hansa verify evidence-2025-02.json --genesis genesis.json",
            "python examples/independent_checker.py evidence-2025-02.json genesis.json",
        ),
    )
