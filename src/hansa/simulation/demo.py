"""The main job from end to end, in a folder of its own: log → statement → explanation → evidence → check →
forgery.

What is returned and printed is what a user of the real thing would see; only the clock and the keys are the
play's.
"""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec

from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.messages import Binding, Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.sheet import Sheet, read_sheet
from hansa.apps.billing.tariff import Usage
from hansa.apps.billing.texts import decimal_text, quantity_text, tariff_text
from hansa.apps.consortium.calendars import Calendar, segment_at
from hansa.apps.consortium.messages import Member
from hansa.apps.metering.messages import DeclareReset, ReplaceDevice, ReplacedFeed
from hansa.apps.metering.readings import HeldReadings, StoredReading
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.client.texts import Text
from hansa.client.verify import Report, check_bundle
from hansa.console.report.business import Business
from hansa.console.report.data_node import Governance, Operations, RunningNode
from hansa.edge.gateway import feed_name, resets
from hansa.edge.log_model import Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.edge.mapping_model import Mapping
from hansa.kernel import Refusal, encode, limits
from hansa.kernel.canonical import decode
from hansa.simulation import packaging_line as line7
from hansa.simulation import world as worlds
from hansa.simulation.cast import GATEWAY_KEY, METER_OWNER, OPERATOR
from hansa.simulation.cheat import Cheat
from hansa.simulation.governance import read_governance
from hansa.simulation.governing import govern
from hansa.simulation.leasing import Occurrence, Play, Settled, bind, settle, start_ms
from hansa.simulation.operations import read_operations
from hansa.simulation.report_bank import bank
from hansa.simulation.report_books import books
from hansa.simulation.report_business import Look, agreements_of
from hansa.simulation.report_sales import sales
from hansa.simulation.sheets import default_sheet, years
from hansa.simulation.story_files import write_files
from hansa.simulation.world import Progress, World, silent

MARKER = ".hansa-demo"
TAMPERED_BY = 1
"""Base units that the forger adds to a reading."""
EVENTS_LOOKED_AT = 10_000
STARTING = {
    True: ("启动五个进程，创建联盟", "Starting five processes, founding"),
    False: ("创建联盟", "Founding the consortium"),
}


class FolderTaken(Refusal, code="play.folder_taken", field="data"):
    zh = "文件夹 {folder} 不是演示数据目录，未作改动。请用 --data 指定一个新目录。"
    en = (
        "The folder {folder} holds something else than a demo; nothing was touched. Name a new one "
        "with --data."
    )


@dataclass(frozen=True)
class Demo:
    """What the demo made. Paths are absolute."""

    folder: Path
    world: World
    play: Play
    statements: list[Statement]
    settled: Settled
    bundle: Bundle
    evidence: bytes
    report: Report
    tampered: Report
    tampered_place: str
    members: list[tuple[str, Member]]
    """All that are on the ledger, founders first."""
    operations: Operations
    governance: Governance
    business: Business
    cheats: tuple[Cheat, ...] = ()
    """What the operator tried, where the nodes are processes of their own."""

    @property
    def followers(self) -> tuple[RunningNode, ...]:
        """The nodes of the others; none where all runs in one process."""
        return tuple(node for node in self.operations.nodes if node.role == "follower")

    @property
    def evidence_file(self) -> Path:
        return self.folder / "evidence.json"

    @property
    def report_file(self) -> Path:
        return self.folder / "report.html"


class FolderHoldsInput(Refusal, code="play.folder_holds_input", field="data"):
    zh = "文件夹 {folder} 每次演示都会重建，其中的 {input} 会随之删除；未作改动。请用 --data 指定另一个目录。"
    en = (
        "The folder {folder} is made anew by each demo, and {input} lies in it; nothing was touched. "
        "Name another one with --data."
    )


def prepare(folder: Path, inputs: Sequence[Path] = ()) -> Path:
    """An empty folder of the demo's own; an earlier demo in it is replaced.

    Raises FolderTaken for anything else, FolderHoldsInput where one of the demo's inputs lies in it.
    """
    folder = folder.resolve()
    for path in inputs:
        if path.resolve().is_relative_to(folder):
            raise FolderHoldsInput(folder=folder, input=path)
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise FolderTaken(folder=folder)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("This folder is made anew by every `hansa demo`.\n", encoding="utf-8")
    return folder


def packaging_play(folder: Path) -> Play:
    """The made-up weeks: log, mapping and tariff written and read, the faults, what its owner declares of
    them.
    """
    line, _ = line7.write(folder / "log")
    mapping_file = folder / "mapping.toml"
    mapping_file.write_text(line7.MAPPING, encoding="utf-8")
    mapping = load_mapping(mapping_file)
    last_ms = line7.instant_ms(datetime.combine(line7.LAST, datetime.min.time())) + 2 * 86_400_000
    log = read_log(folder / "log", mapping, now_ms=last_ms)
    sheet_file = folder / "tariff.json"
    shutil.copyfile(Path(__file__).with_name("packaging_line.json"), sheet_file)
    sheet = read_sheet(sheet_file)
    # A second after the last old reading: what is read at the declared instant belongs to the new life.
    reset_ms, replaced_ms = (line7.instant_ms(at) + 1_000 for at in (line7.RESET_AT, line7.REPLACED_AT))
    good, scrap = (f"{line7.DEVICE}.{name}" for name in ("pieces_good", "pieces_scrap"))
    day_ms = 86_400_000
    occurrences = (
        Occurrence(
            reset_ms,
            reset_ms + day_ms // 2,
            DeclareReset(feed=good, at_ms=reset_ms, final_value=line.final_good, start_value=0),
        ),
        Occurrence(
            replaced_ms,
            replaced_ms,
            ReplaceDevice(
                device=line7.DEVICE,
                source=GATEWAY_KEY,
                at_ms=replaced_ms,
                counters=(
                    ReplacedFeed(feed=good, final_value=line.replaced_final[0], start_value=0),
                    ReplacedFeed(feed=scrap, final_value=line.replaced_final[1], start_value=0),
                ),
            ),
        ),
    )
    play = Play(log, mapping, sheet, bind(log, sheet), occurrences)
    stuck, late, again = (
        (day - line7.FIRST).days for day in (line7.STUCK_DAY, line7.LATE_DAY, line7.REPEATED_DAY)
    )
    return replace(
        play,
        held_back=((stuck + 1, line7.STUCK_DAYS), (late + 2, 2)),
        repeated=(again + 2,),
        from_ms=line7.instant_ms(datetime.combine(line7.FIRST, datetime.min.time())),
        made_up=True,
    )


def foreign_play(
    log_path: str,
    mapping_file: Path,
    tariff_file: Path | None,
    bindings: dict[str, str],
    keep_good: bool,
    now_ms: int,
) -> Play:
    """A log from elsewhere under a mapping, and a tariff or the default one."""
    mapping = load_mapping(mapping_file)
    log = read_log(log_path, mapping, now_ms=now_ms, keep_good_rows=keep_good or None)
    zone = mapping.log.time_zone or "Asia/Shanghai"
    sheet = read_sheet(tariff_file, years(log)) if tariff_file else default_sheet(log, zone)
    occurrences = tuple(Occurrence(reset.at_ms, reset.at_ms, reset) for reset in resets(log, mapping))
    return Play(log, mapping, sheet, bind(log, sheet, bindings), occurrences)


def run(folder: Path, play: Play, progress: Progress = silent, processes: bool = False) -> Demo:
    """Found, replay, close, gather the evidence, check it, forge a copy and check that.

    `processes`: every member's node in a process of its own; at the end the operator cheats on copies. The
    world is left open; close it, whatever `run` did: it closes it itself only if it raises.
    """
    progress(*STARTING[processes], 0, 1)
    started = time.monotonic()
    world = worlds.found(folder, start_ms(play.log), processes=processes)
    try:
        progress(*STARTING[processes], 1, 1)
        govern(world, progress)
        settled = settle(world, play, progress)
        statements = settled.statements
        if not statements:
            raise NothingStated(device=play.log.device, reason=_why_nothing(world))
        took_ms = int((time.monotonic() - started) * 1_000)
        demo = _prove(world, play, settled, took_ms, progress)
        if not processes:
            return demo
        return replace(demo, cheats=tuple(_cheat(world, statements[-1], progress)))
    except BaseException:
        world.close()
        raise


def _prove(world: World, play: Play, settled: Settled, took_ms: int, progress: Progress) -> Demo:
    subject, folder = settled.statements[-1], world.folder

    def gathering(done: int, whole: int) -> None:
        progress("导出证据", "Exporting the evidence", done, whole)

    stores: dict[str, HeldReadings] = {METER_OWNER: world.gateway.store}
    bundle = gather(world.clients["auditor"], subject.agreement, subject.period.from_ms, stores, gathering)
    evidence = encode(bundle)
    (folder / "evidence.json").write_bytes(evidence)
    progress("离线验证", "Verifying offline", 0, 2)
    genesis = world.genesis_file.read_bytes()
    report = check_bundle(evidence, genesis)
    progress("离线验证", "Verifying offline", 1, 2)
    forged, place = tamper(bundle)
    (folder / "evidence-tampered.json").write_bytes(encode(forged))
    tampered = check_bundle(encode(forged), genesis)
    progress("离线验证", "Verifying offline", 2, 2)
    world.stage.calm()
    return Demo(
        folder=folder,
        world=world,
        play=play,
        statements=settled.statements,
        settled=settled,
        bundle=bundle,
        evidence=evidence,
        report=report,
        tampered=tampered,
        tampered_place=place,
        members=_members(world),
        operations=read_operations(world, took_ms),
        governance=read_governance(world),
        business=_business(world, play, settled, progress),
    )


def _business(world: World, play: Play, settled: Settled, progress: Progress) -> Business:
    """Write what its readers take home, and read what the report tells them."""
    progress("合同、结算单、凭证文件", "Contracts, papers, journals", 0, 1)
    files = write_files(world, play, agreements_of(settled), settled.leased)
    look = Look(world, play, settled, files)
    found = Business(sales=sales(look), bank=bank(look), books=books(look))
    progress("合同、结算单、凭证文件", "Contracts, papers, journals", 1, 1)
    return found


def _members(world: World) -> list[tuple[str, Member]]:
    founders = [member.id for member in world.genesis.members]
    found = world.clients[OPERATOR].query("consortium.members", list[tuple[str, Member]])
    place = {name: position for position, name in enumerate(founders)}
    return sorted(found, key=lambda member: (place.get(member[0], len(place)), member[0]))


def _cheat(world: World, last: Statement, progress: Progress) -> list[Cheat]:
    """End the play's nodes and let the operator cheat on copies of them."""
    from hansa.simulation.cheats import try_all
    from hansa.simulation.five import FiveProcesses

    assert isinstance(world.stage, FiveProcesses)
    world.clock.move_to(world.clock.now_ms + limits.MINUTE_MS)
    world.stage.end()
    return try_all(world, last.closed_height, progress)


class NothingStated(Refusal, code="play.nothing_stated", field="log"):
    zh = "设备 {device} 没有任何结算期能够关账：{reason}。"
    en = "No period of {device} could be closed: {reason}."


def _why_nothing(world: World) -> str:
    """What the node noted when a period fell due."""
    transport = world.clients[METER_OWNER].transport
    held = [
        data.decode()
        for _, _, data in transport.events_after(0, -1, EVENTS_LOOKED_AT)
        if data.startswith(b'{"_type":"billing.held"')
    ]
    return "; ".join([*world.stage.incidents(), *held][:5])


def tamper(bundle: Bundle) -> tuple[Bundle, str]:
    """A copy in which one reading says more than was read; and which one."""
    for position, item in enumerate(bundle.readings):
        reading = decode(item.reading.data, StoredReading)
        if reading.lost:
            continue
        data = encode(msgspec.structs.replace(reading, value=reading.value + TAMPERED_BY))
        forged = msgspec.structs.replace(item, reading=msgspec.structs.replace(item.reading, data=data))
        readings = (*bundle.readings[:position], forged, *bundle.readings[position + 1 :])
        place = f"{reading.feed} #{reading.number}: {reading.value} → {reading.value + TAMPERED_BY}"
        return msgspec.structs.replace(bundle, readings=readings), place
    # No reading was handed out: then the forger changes the header's signature instead.
    head = msgspec.structs.replace(bundle.head, signature=bytes(64))
    return msgspec.structs.replace(bundle, head=head), "head.signature"


# The JSON that `hansa demo --json` prints.


def as_json(demo: Demo) -> dict[str, Any]:
    """One object: height, app_hash, gaps, statements, files (see docs/reference/demo-json.md)."""
    header = demo.bundle.head.header
    return {
        "height": header.height,
        "app_hash": header.app_hash,
        "gaps": [gap_json(demo, gap) for gap in all_gaps(demo)],
        "falls": [
            {
                "feed": feed_of(demo, fall.meter),
                "from": utc(fall.from_ms),
                "to": utc(fall.to_ms),
                "readings": fall.readings,
                "value": str(fall.value_base),
                "last_good": str(fall.good_base),
                "became": fall.status,
            }
            for statement in demo.statements
            for fall in statement.falls
        ],
        "statements": [statement_json(demo, statement) for statement in demo.statements],
        "verified": demo.report.ok,
        "tampering_found": not demo.tampered.ok,
        "evidence_file": str(demo.evidence_file),
        "genesis_file": str(demo.world.genesis_file),
        "report_file": str(demo.report_file),
        "followers": [
            {"member": node.member, "height": node.height, "app_hash": node.app_hash}
            for node in demo.followers
        ],
        "cheats": [cheat_json(cheat) for cheat in demo.cheats],
        "replay": True,
    }


def cheat_json(cheat: Cheat) -> dict[str, Any]:
    """`what` is what the follower says, and where; empty, as `caught_by`, where nobody noticed."""
    found = cheat.found or Text("", "")
    return {
        "kind": cheat.kind,
        "done": {"zh": cheat.done.zh, "en": cheat.done.en},
        "caught_by": cheat.caught_by,
        "code": cheat.code,
        "what": found.en,
        "what_zh": found.zh,
    }


def statement_json(demo: Demo, statement: Statement) -> dict[str, Any]:
    calendar = demo.play.sheet.calendar
    period = statement.period
    return {
        "id": f"{statement.agreement}:{local_time(calendar, period.from_ms)[:10]}",
        "parties": {"provider": statement.provider, "user": statement.user},
        "period": [local_time(calendar, period.from_ms), local_time(calendar, period.to_ms)],
        "currency": statement.currency,
        "lines": [line_json(line) for line in statement.lines],
        "net_minor": statement.net_minor,
        "tax_minor": statement.tax_minor,
        "gross_minor": statement.gross_minor,
    }


def line_json(line: Line) -> dict[str, Any]:
    out: dict[str, Any] = {
        "number": line.number,
        "clause": line.clause,
        "kind": line.kind,
        "text": {"zh": tariff_text(line, "zh"), "en": tariff_text(line, "en")},
        "quantity": quantity_text(line)[0],
        "unit": line.unit,
        "quantity_base": str(line.quantity_base),
        "base_unit": line.base_unit,
        "price_e8": line.price_e8,
        "tax_rate_bp": line.tax_rate_bp,
        "net_minor": line.net_minor,
        "tax_minor": line.tax_minor,
        "gross_minor": line.gross_minor,
    }
    if line.kind == "correction":
        out["corrects_from"] = utc(line.corrects_from_ms)
    return out


def all_gaps(demo: Demo) -> list[GapLine]:
    """Every gap once: one that ended later is left out where it was still open."""
    gaps = [gap for statement in demo.statements for gap in statement.gaps]
    ended = {(gap.meter, gap.from_ms) for gap in gaps if gap.state == "closed"}
    kept = [gap for gap in gaps if gap.state == "closed" or (gap.meter, gap.from_ms) not in ended]
    return sorted(dict.fromkeys(kept), key=lambda gap: (gap.from_ms, gap.meter))


def gap_json(demo: Demo, gap: GapLine) -> dict[str, Any]:
    size, unit = priced_unit(demo.play.sheet, gap.meter)
    return {
        "feed": feed_of(demo, gap.meter),
        "from": utc(gap.from_ms),
        "to": utc(gap.to_ms),
        "rule": gap.rule,
        "quantity": decimal_text(gap.quantity_base, size)[0],
        "unit": unit,
        "state": gap.state,
        "difference": decimal_text(gap.difference_base, size)[0] if gap.known else None,
    }


def priced_unit(sheet: Sheet, meter: str) -> tuple[int, str]:
    """Size in base units, and name, of the first unit in which a meter is priced."""
    for element in sheet.tariff.elements:
        if isinstance(element, Usage) and element.meter == meter:
            return element.unit_base, element.unit
    return 1, next(found.base_unit for found in sheet.tariff.meters if found.name == meter)


def feed_of(demo: Demo, meter: str) -> str:
    return binding_of(demo, meter).feed


def binding_of(demo: Demo, meter: str) -> Binding:
    return next(binding for binding in demo.play.bindings if binding.meter == meter)


def utc(at_ms: int) -> str:
    """ISO 8601, whole seconds."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_time(calendar: Calendar, at_ms: int) -> str:
    """ISO 8601 with the offset that the calendar gives."""
    offset = calendar.offset_minutes[max(segment_at(calendar, at_ms), 0)]
    zone = timezone(timedelta(minutes=offset))
    return datetime.fromtimestamp(at_ms // 1000, zone).isoformat()


def log_of(demo: Demo) -> tuple[Log, Mapping]:
    return demo.play.log, demo.play.mapping


__all__ = ["Demo", "as_json", "feed_name", "foreign_play", "packaging_play", "prepare", "run", "tamper"]
