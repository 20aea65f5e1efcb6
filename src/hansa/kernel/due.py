"""Work that falls due by time: one queue in the state, bounded per member and per block (protocol, rule 12).

The queue only causes effects. Contracts test deadlines by `ctx.time_ms`, so a backlog changes no outcome.
What fails is parked: it stays on its member's account, and so is bounded with what waits, until it is tried
again or discarded.
"""

from collections.abc import Callable, Iterator

from hansa.kernel import limits
from hansa.kernel.canonical import encode
from hansa.kernel.context import Context, Table
from hansa.kernel.messages import Due, Parked, Pending
from hansa.kernel.refusal import Refusal

QUEUE = Table("kernel.due", key=("due_ms", "id"), record=Due, integers=("due_ms",))
PENDING = Table("kernel.pending", key=("member",), record=Pending)
PARKED = Table("kernel.parked", key=("due_ms", "id"), record=Parked, integers=("due_ms",))


class TooMuchPending(Refusal, code="kernel.too_much_pending", field="actions"):
    zh = "成员单位 {member} 已有 {limit} 项到期工作在等候。请等其中一些到期后再试。"
    en = "{limit} pieces of work already wait for member {member}. Try again when some have fallen due."


def at(
    ctx: Context,
    due_ms: int,
    handler: Callable[..., None],
    member: str,
    *arguments: str,
    reserve: int = 0,
) -> None:
    """Have `handler(ctx, *arguments)` run once, at or after `due_ms`, on the account of `member`.

    The same work for the same time is one entry, however often it is asked for. What is due already runs in
    the next block whose time is later than this one's. The handler is one that its room declares (`due=`).
    `reserve`: so many more than others' work may wait, for work that nobody may crowd out.
    Raises TooMuchPending.
    """
    name = ctx.registry.due_names[handler]
    key = (max(due_ms, ctx.time_ms + 1), _id(name, member, arguments))
    if QUEUE.get(ctx, key) is not None:
        return
    pending = PENDING.get(ctx, (member,)) or Pending()
    if pending.count >= limits.DUE_PER_MEMBER_MAX + reserve:
        raise TooMuchPending(member=member, limit=limits.DUE_PER_MEMBER_MAX)
    QUEUE.put(ctx, key, Due(handler=name, member=member, arguments=arguments))
    _charge(ctx, member)


def _id(name: str, member: str, arguments: tuple[str, ...]) -> str:
    """The id is the work itself in canonical form: other work never has the same id."""
    return encode((name, member, *arguments)).decode()


def drop(ctx: Context, due_ms: int, handler: Callable[..., None], member: str, *arguments: str) -> None:
    """Take back what `at` was asked for with the same arguments, if it still waits: its purpose is gone."""
    key = (due_ms, _id(ctx.registry.due_names[handler], member, arguments))
    item = QUEUE.get(ctx, key)
    if item is not None:
        remove(ctx, key, item)


def next_due(ctx: Context) -> list[tuple[tuple[int, str], Due]]:
    """What is due at the block's time, oldest first, at most DUE_PER_BLOCK_MAX."""
    rows = QUEUE.scan(ctx, end=(ctx.time_ms + 1,), limit=limits.DUE_PER_BLOCK_MAX)
    return [((int(key[0]), str(key[1])), item) for key, item in rows]


def waits(ctx: Context, key: tuple[int, str]) -> bool:
    """Whether an entry is still in the queue."""
    return QUEUE.get(ctx, key) is not None


def remove(ctx: Context, key: tuple[int, str], item: Due) -> None:
    """Take an entry out of the queue, and off its member's account."""
    QUEUE.delete(ctx, key)
    _release(ctx, item.member)


def _charge(ctx: Context, member: str) -> None:
    pending = PENDING.get(ctx, (member,)) or Pending()
    PENDING.put(ctx, (member,), Pending(count=pending.count + 1))


def _release(ctx: Context, member: str) -> None:
    pending = PENDING.get(ctx, (member,)) or Pending(count=1)
    if pending.count > 1:
        PENDING.put(ctx, (member,), Pending(count=pending.count - 1))
    else:
        PENDING.delete(ctx, (member,))


def room_of(handler: str) -> str:
    """Name of the room whose work it is."""
    return handler.split(".")[0]


def is_orphaned(ctx: Context, item: Due | Parked) -> bool:
    """Whether the room whose work it is is not in force any more."""
    return all(room.name != room_of(item.handler) for room in ctx.registry.rooms)


def park(ctx: Context, key: tuple[int, str], item: Due, code: str) -> None:
    """Keep what failed, on its member's account; nothing tries it again by itself."""
    PARKED.put(
        ctx, key, Parked(handler=item.handler, member=item.member, arguments=item.arguments, code=code)
    )
    if ctx.rules >= 2:
        _charge(ctx, item.member)


def parked(ctx: Context, limit: int = limits.SCAN_MAX) -> Iterator[tuple[tuple[int, str], Parked]]:
    """What is parked, oldest first."""
    for key, item in PARKED.scan(ctx, limit=limit):
        yield (int(key[0]), str(key[1])), item


def retry(ctx: Context, key: tuple[int, str], item: Parked) -> None:
    """Put parked work back into the queue: the next block that is later does it, or parks it again."""
    PARKED.delete(ctx, key)
    again = (ctx.time_ms + 1, key[1])
    if QUEUE.get(ctx, again) is not None:
        _release(ctx, item.member)
    QUEUE.put(ctx, again, Due(handler=item.handler, member=item.member, arguments=item.arguments))


def discard(ctx: Context, key: tuple[int, str], item: Parked) -> None:
    """Give parked work up."""
    PARKED.delete(ctx, key)
    _release(ctx, item.member)
