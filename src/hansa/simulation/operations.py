"""What IT looks at when a play is over: nodes, files, rates, keys, the backup, what `hansa doctor` says."""

import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from hansa.apps.consortium.messages import Member
from hansa.apps.rooms import release
from hansa.console.report import data_node as page
from hansa.console.report.part import Text
from hansa.kernel import limits
from hansa.kernel.messages import Key
from hansa.node.backup import backup, restore
from hansa.node.doctor import Doctor
from hansa.node.errors_doctor import ClockOff
from hansa.node.settings import SETTINGS
from hansa.simulation.cast import OPERATOR
from hansa.simulation.stage import directory
from hansa.simulation.world import World

BACKUP = "backup"
KEYS_PER_MEMBER = 1_000


def read_operations(world: World, took_ms: int) -> page.Operations:
    """As things stand; `took_ms`: how long it took from founding to the last statement.

    Where nodes run as shipped, the operator's is backed up meanwhile, and `hansa doctor` looks at it.
    """
    nodes = world.stage.nodes()
    ahead = nodes[0].height
    as_shipped = (directory(world.folder, OPERATOR) / SETTINGS).is_file()
    return page.Operations(
        nodes=tuple(
            page.RunningNode(
                member=node.member,
                role="operator" if node.member == OPERATOR else "follower",
                url=node.url,
                height=node.height,
                app_hash=node.app_hash,
                lag_blocks=ahead - node.height,
                version=version("hansa"),
            )
            for node in nodes
        ),
        files=tuple(_files(world, [node.member for node in nodes])),
        figures=tuple(_figures(world, ahead, took_ms)),
        backup=_backup(world) if as_shipped else None,
        keys=tuple(_keys(world)),
        doctor=tuple(_doctor(world)) if as_shipped else (),
    )


def _backup(world: World) -> page.Backup:
    """Back up the operator's node while it runs, and restore it elsewhere: that checks all of it."""
    to = world.folder / BACKUP
    started = time.monotonic()
    made = backup(directory(world.folder, OPERATOR), to, release())
    took_ms = int((time.monotonic() - started) * 1_000)
    with TemporaryDirectory() as elsewhere:
        restore(to, Path(elsewhere) / "restored", release())
    return page.Backup(
        folder=to.name,
        size_bytes=sum(path.stat().st_size for path in to.rglob("*") if path.is_file()),
        height=made.height,
        took_ms=took_ms,
        checked=True,
    )


def _doctor(world: World) -> Iterator[page.Finding]:
    """By the play's clock. The others date their answers by the machine's: that these differ says nothing."""
    looked = Doctor(directory(world.folder, OPERATOR), release(), clock=world.clock)
    for found in looked.examine():
        if found.code != ClockOff.code:
            text = Text(zh=found.zh, en=found.en)
            yield page.Finding(check=found.check, level=found.level, text=text)


def _files(world: World, members: list[str]) -> Iterator[page.StoredFile]:
    """Each with its write-ahead log, which is a part of it."""
    for member in members:
        place = directory(world.folder, member)
        for path in sorted(place.glob("*.db")):
            parts = [path, path.with_name(path.name + "-wal")]
            size = sum(part.stat().st_size for part in parts if part.exists())
            yield page.StoredFile(member=member, name=path.name, size_bytes=size)


def _figures(world: World, height: int, took_ms: int) -> Iterator[page.Figure]:
    done = sum(client.sequence for client in (*world.clients.values(), world.gateway.client))
    yield page.Figure(
        name=Text(zh="交易", en="Transactions"),
        value=f"{done:,}",
        note=Text(zh=f"共 {height:,} 个区块", en=f"in {height:,} blocks"),
    )
    yield page.Figure(
        name=Text(zh="全程回放用时", en="All of it was replayed in"),
        value=f"{took_ms / 1_000:.1f} s",
        note=Text(zh="含创建联盟、表决和关账", en="with founding, votes and closing"),
    )
    spent_ms = world.stage.answered_ms()
    if spent_ms:
        yield page.Figure(
            name=Text(zh="一次提交的答复用时", en="Answer to a submission"),
            value=f"{median(spent_ms):,.0f} ms",
            note=Text(
                zh=f"中位数，共 {len(spent_ms):,} 次：落盘并签名确认后才答复",
                en=f"median of {len(spent_ms):,}: on disk and acknowledged by then",
            ),
        )
        yield page.Figure(
            name=Text(zh="每秒交易", en="Transactions per second"),
            value=f"{done * 1_000 / sum(spent_ms):,.0f}",
            note=Text(zh="提交期间，逐次提交", en="while submitting, one request after the other"),
        )


def _keys(world: World) -> Iterator[page.KeyExpiry]:
    client = world.clients[OPERATOR]
    for member, _ in client.query("consortium.members", list[tuple[str, Member]]):
        listed = client.query(
            "consortium.keys_of", list[tuple[str, Key]], member=member, limit=KEYS_PER_MEMBER
        )
        for name, key in listed:
            if not key.revoked_ms:
                yield page.KeyExpiry(
                    member=member,
                    key=name,
                    kind=key.kind,
                    holder=key.holder,
                    expires_ms=key.expires_ms,
                    days_left=(key.expires_ms - world.clock.now_ms) // limits.DAY_MS,
                )
