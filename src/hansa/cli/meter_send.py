"""`hansa meter send`: what of a machine's log the ledger does not have yet."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hansa.cli.common import Desk, Language, acting, confirm, desk, now_ms, say, show_json
from hansa.cli.sending import send as send_outbox
from hansa.client import Refused
from hansa.client.outbox import Outbox

if TYPE_CHECKING:
    from hansa.edge.log_model import Log
    from hansa.edge.mapping import Mapping
    from hansa.edge.sending import Sending

STORE = "readings.db"
"""In the profile's folder: the readings that were sent, which only their owner has."""


@click.command()
@click.argument("log")
@click.option(
    "--map", "mapping", type=click.Path(path_type=Path), required=True, help="The mapping. 映射文件。"
)
@click.option("--keep-good-rows", is_flag=True, help="Go on past malformed rows. 跳过坏行，保留好行。")
@acting
@click.pass_obj
def send(
    lang: Language,
    log: str,
    mapping: Path,
    keep_good_rows: bool,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Read LOG and send what the ledger does not have yet: as often as you like, also as the log grows.

    The profile's key signs: that of a gateway. Device and feeds are registered by the first log; a state that
    may come later is named in the mapping. 读取日志，发送账本上还没有的读数；同一日志可反复发送。
    """
    from hansa.edge.log_reader import read_log
    from hansa.edge.mapping import load_mapping

    told = load_mapping(mapping)
    found = read_log(log, told, now_ms=now_ms(), keep_good_rows=keep_good_rows or None)
    at = desk(lang, profile_name)
    with at.outbox() as outbox:
        _settle(at, outbox)
        sending = _prepared(at, found, told, dry_run)
        if not (yes or dry_run or not sending.actions):
            click.echo(summary(sending, lang), err=True)
            confirm(lang, "签名并发送？", "Sign and send?")
        if not dry_run:
            _deliver(at, outbox, sending)
    if as_json:
        show_json({k: v for k, v in dataclasses.asdict(sending).items() if k != "actions"})
        return
    say(
        lang,
        ("将发送：" if dry_run else "已上账：") + summary(sending, lang),
        ("To be sent: " if dry_run else "On the ledger: ") + summary(sending, lang),
    )
    for feed in sending.left_out:
        say(
            lang,
            f"{feed} 从未增加，未登记：不能据此计费。若确已接线，请写 wired = true。",
            f"{feed} never rose and was left out: nothing can be billed by it. If it is connected, say "
            "wired = true.",
            err=True,
        )


def _settle(at: Desk, outbox: Outbox) -> None:
    """Send what waits: what the ledger then says is all that there is. Raises OutboxWaits."""
    from hansa.edge.sending_errors import OutboxWaits

    send_outbox(at, outbox)
    waiting = outbox.standing()
    if waiting.queued or waiting.waiting:
        raise OutboxWaits(count=waiting.queued + waiting.waiting)


def _prepared(at: Desk, found: "Log", told: "Mapping", dry_run: bool) -> "Sending":
    from hansa.edge.readings import ReadingStore
    from hansa.edge.sending import sending_of

    store = ReadingStore(at.place.folder / STORE)
    try:
        return sending_of(found, told, at.profile.member, at.profile.key, at.ask, store, keep=not dry_run)
    finally:
        store.close()


def _deliver(at: Desk, outbox: Outbox, sending: "Sending") -> None:
    """Raises Refused for the first that the ledger refuses; what follows it was sent all the same."""
    numbers = [outbox.put(at.registry, action, now_ms=now_ms()) for action in sending.actions]
    send_outbox(at, outbox)
    for number in numbers:
        receipt = outbox.entry(number).receipt
        if receipt is not None and receipt.code != "ok":
            raise Refused(receipt)
    _settle(at, outbox)


def summary(sending: "Sending", lang: Language) -> str:
    """In a line: what is new, what was known."""
    names = ", ".join(sending.registered) or "—"
    if lang == "zh":
        return (
            f"新登记 {names}；读数 {sending.readings} 个，其中计量记录 {sending.records} 条；"
            f"先前已上账的读数 {sending.known} 个。"
        )
    return (
        f"newly registered {names}; {sending.readings} readings, {sending.records} of them counter records; "
        f"{sending.known} readings were known before."
    )
