"""Records as they lay at an earlier height: what was written since is taken back, over the present store."""

from bisect import bisect_left

from hansa.kernel.state import Name, Store


class Past:
    """A Store: `before` has the bytes of every record written since, None where there was none."""

    def __init__(self, present: Store, before: dict[Name, bytes | None]) -> None:
        self._present, self._before = present, before
        self._keys: dict[str, list[bytes]] = {}
        for table, key in sorted(before):
            self._keys.setdefault(table, []).append(key)

    def get(self, table: str, key: bytes) -> bytes | None:
        name = (table, key)
        return self._before[name] if name in self._before else self._present.get(table, key)

    def scan(
        self, table: str, start: bytes, end: bytes, limit: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        keys = self._keys.get(table, [])
        own = keys[bisect_left(keys, start) : bisect_left(keys, end)]
        # So many more rows that enough are left when those written since are taken out.
        rows = dict(self._present.scan(table, start, end, limit + len(own), reverse))
        for key in own:
            old = self._before[table, key]
            if old is None:
                rows.pop(key, None)
            else:
                rows[key] = old
        return sorted(rows.items(), reverse=reverse)[:limit]
