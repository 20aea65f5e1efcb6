"""What is wrong with a file of interval prices: each names its row and what to do."""

from hansa.kernel.refusal import Refusal


class PriceColumns(Refusal, code="price.columns", field="file"):
    zh = "文件 {file} 的第一行须有列 from（开始）与 price（价格），可有 to（结束）；未认出的列：{unknown}。"
    en = (
        "The first row of {file} has to name the columns `from` and `price`, and may name `to`; not known: "
        "{unknown}."
    )


class PriceTime(Refusal, code="price.time", field="from"):
    zh = "“{given}”不是时刻，应写作 2026-01-31 08:00 或 2026-01-31T08:00+08:00。"
    en = "`{given}` is no time; write 2026-01-31 08:00 or 2026-01-31T08:00+08:00."


class PriceSkipped(Refusal, code="price.time_skipped", field="from"):
    zh = "{zone} 当天把钟拨快，没有 {given} 这一时刻。文件用的可能是另一时区：请核对。"
    en = "There is no {given} in {zone}: clocks went forward. The file may be of another time zone: check it."


class PriceZone(Refusal, code="price.zone", field="from"):
    zh = "{given} 的时差不是 {zone} 当时的 {expected}，也不是 UTC。文件用的可能是另一时区：请核对。"
    en = (
        "The offset of {given} is neither that of {zone} at that time, {expected}, nor UTC. The file may be "
        "of another time zone: check it."
    )


class PriceStep(Refusal, code="price.step", field="to"):
    zh = "该行长 {given} 分钟，而价格序列每段 {minutes} 分钟。请按 {minutes} 分钟给出价格。"
    en = (
        "The row covers {given} minutes; the series has slots of {minutes}. Give prices by {minutes} minutes."
    )


class PriceSlot(Refusal, code="price.slot", field="from"):
    zh = "{given} 不是一段的开始：每段 {minutes} 分钟，自当地零点起算。请核对时刻与时区。"
    en = (
        "{given} does not begin a slot: slots are {minutes} minutes long, from local midnight on. Check time "
        "and zone."
    )


class PriceTwice(Refusal, code="price.twice", field="from"):
    zh = "{given} 这一段已在第 {row} 行给出价格。请删去一行。"
    en = "The slot from {given} has a price in row {row} already. Delete one of them."


class PriceValue(Refusal, code="price.value", field="price"):
    zh = "价格“{given}”不对：应为至多八位小数的数（按 --per 折算后），可为负。"
    en = "The price `{given}` is no number of at most eight decimals (after --per). It may be negative."


class PriceGap(Refusal, code="price.gap", field="from"):
    zh = "{start} 至 {end} 没有价格，缺 {count} 段。公布须以整日为单位：请补上，或删去该日。"
    en = (
        "There is no price from {start} to {end}, {count} slots. Prices are published by whole days: add "
        "them, or leave that day out."
    )


class PriceOther(Refusal, code="price.published_otherwise", field="price"):
    zh = "{day} 的价格已经公布，与文件不同，不能更改。更正须声明序列的新版本（hansa price declare）。"
    en = (
        "The prices of {day} are published and differ from the file; they cannot be changed. To correct them "
        "declare a new version of the series (`hansa price declare`)."
    )


class PriceNothing(Refusal, code="price.nothing", field="file"):
    zh = "文件中没有价格。请核对第一行的列名与数据行。"
    en = "There are no prices in it. Check the heads in the first row, and the rows below."
