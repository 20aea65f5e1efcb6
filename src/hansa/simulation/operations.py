"""What IT looks at when a play is over: nodes, files, rates, keys, the backup, what `hansa doctor` says."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from hansa.apps.consortium.messages import Member
from hansa.console.report import data_node as page
from hansa.console.report.part import Text
from hansa.kernel import limits
from hansa.kernel.messages import Key
from hansa.simulation.cast import OPERATOR
from hansa.simulation.stage import directory
from hansa.simulation.world import World

KEYS_PER_MEMBER = 1_000
_SHOWN = (".db", ".db-wal", ".json")


def read_operations(world: World, took_ms: int) -> page.Operations:
    """As things stand; `took_ms`: how long the month took from founding to the last statement."""
    nodes = world.stage.nodes()
    ahead = nodes[0].height
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
        backup=None,
        keys=tuple(_keys(world)),
        doctor=(),
    )


def _files(world: World, members: list[str]) -> Iterator[page.StoredFile]:
    for member in members:
        place = directory(world.folder, member)
        for path in sorted(_stored(place)):
            name = path.relative_to(place).as_posix()
            yield page.StoredFile(member=member, name=name, size_bytes=path.stat().st_size)


def _stored(place: Path) -> Iterator[Path]:
    return (path for path in place.rglob("*") if path.is_file() and path.name.endswith(_SHOWN))


def _figures(world: World, height: int, took_ms: int) -> Iterator[page.Figure]:
    done = sum(client.sequence for client in (*world.clients.values(), world.gateway.client))
    yield page.Figure(
        name=Text(zh="交易", en="Transactions"),
        value=f"{done:,}",
        note=Text(zh=f"共 {height:,} 个区块", en=f"in {height:,} blocks"),
    )
    yield page.Figure(
        name=Text(zh="一个月的回放用时", en="The month was replayed in"),
        value=f"{took_ms / 1_000:.1f} s",
        note=Text(zh="含创建联盟、表决和关账", en="with founding, votes and closing"),
    )
    yield page.Figure(
        name=Text(zh="每秒交易", en="Transactions per second"),
        value=f"{done * 1_000 / max(took_ms, 1):,.0f}",
        note=Text(
            zh="回放的平均值：逐批提交，每批等所有节点跟上",
            en="mean of the replay, which waits for all nodes",
        ),
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
