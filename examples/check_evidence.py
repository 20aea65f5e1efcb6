"""Check a Hansa evidence bundle without Hansa: python examples/check_evidence.py BUNDLE GENESIS [HEIGHT:HASH]

From docs/verify-evidence.md; needs Python 3.11 and `cryptography`. Does not rate. Exit status 0 if all holds.
"""

import base64
import json
import struct
import sys
from collections import defaultdict
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PRIME, ORDER = 2**255 - 19, (2**252 + 27742317777372353535851937790883648493).to_bytes(32)
EIGHTH = 2707385501144840649318225287225658788936804267575313519463743609750303021402
SMALL_ORDER = {0, 1, PRIME - 1, EIGHTH, PRIME - EIGHTH}  # y of the points whose order divides 8
LEAVES = """
consortium.add_key           consortium.key_added           member=by key=id
consortium.register_key      consortium.key_registered      member=by key=id
consortium.propose           consortium.proposal_made       proposer=by proposal
consortium.vote              consortium.vote_cast           member=by proposal yes
consortium.approve           consortium.approved            member=by held
consortium.publish_calendar  consortium.calendar_published  member=by id
billing.publish_tariff       billing.tariff_published       owner=by id version
billing.publish_series       billing.series_published      owner=by id version day
billing.publish_index        billing.index_published       owner=by id from_day
billing.propose              billing.proposed               proposer=by agreement
billing.accept               billing.accepted               by agreement
billing.claim_stop           billing.claimed               by agreement claim from_ms
billing.claim_scrap          billing.claimed               by agreement claim from_ms
billing.contest_claim        billing.claim_contested       by agreement claim period_ms
billing.withdraw_claim       billing.claim_withdrawn       agreement claim period_ms
leasing.sign                 leasing.signed                by lease content
metering.register_device     metering.device_registered     owner=by device source
metering.replace_device      metering.device_replaced       owner=by device at_ms
metering.register_feed       metering.feed_registered       owner=by feed
metering.anchor              metering.anchored              owner=by anchor root
metering.record              metering.recorded              owner feed first_sequence
metering.declare_reset       metering.reset_declared        owner=by feed at_ms
"""  # action, the event that it leaves, and the event's fields: which of the action they repeat (§6, 6)
CARRIED_OUT = "consortium.carried_out"
LEFT = {action: (event, names) for action, event, *names in map(str.split, LEAVES.strip().splitlines())}
SIDES = (("provider", "lessor"), ("user", "lessee"))
PRICES: dict[str, tuple[str, ...]] = {
    "billing.publish_series": ("billing.series_days", "prices_e8", "id", "version", "day"),
    "billing.publish_index": ("billing.indices", "value_e8", "id", "from_day"),
}  # action, the record that it leaves, the price, and what names it behind its owner
PRICED = [table for table, *_ in PRICES.values()]
AGREED = "provider user tariff_owner tariff tariff_version meters terms from_ms to_ms"
REASONS = """
{} expired or revoked = {} 已过期或吊销
{} is unknown = {} 来历不明
{} left no event: held, or not done = {} 没有留下事件：搁置待批或未生效
{} not vouched for by its source = {} 未由其来源签署
approvals do not hold = 审批不成立
beyond the key's scope = 超出密钥权限
closed before its cut-off = 早于截止时间关账
differs from its reading = 与读数不符
does not add up = 合计不符
no attest, or a second = 不是记录证明，或重复出示
no change of the set there = 该处没有见证方变更
no set that can stand = 见证方名单不成立
no evidence of a settlement in this version = 不是本版本的结算证据
not {} there = 该处不是 {}
not canonical = 不是规范形式
not carried out there = 未在该处执行
not given by vote {} = 表决 {} 未授予
not in the log = 不在日志中
not signed by {} = {} 的签名不成立
not under anchor {} = 不在存证 {} 之下
not what was signed = 与所签不符
of no act that is shown = 不属于所出示的行为
other chain, or late = 属于另一联盟，或已过期
other chain, or signed twice = 属于另一联盟，或重复签名
other fields = 字段不符
other parties, or a period is missing = 双方不符，或缺少结算期
out of order = 位置或次序不对
refused, or not its outcome = 被拒绝，或不是其结果
shown as before the close = 出示的是关账之前的状态
another block than the one known = 不是已知的区块
not the set in force = 不是当时生效的验证方名单
too few cosigners = 会签不足
too little power: {} of {} = 表决权重不足：{} / {}
too large = 过大
"""
ZH = dict(line.split(" = ") for line in REASONS.strip().splitlines())


class Broken(Exception):
    """Says what does not hold, and where, in English and Chinese."""


def need(holds: Any, where: Any, reason: str, *values: Any) -> None:
    if not holds:
        en, zh = (text.format(*values) for text in (reason, ZH[reason]))
        raise Broken(f"DOES NOT HOLD  {where}: {en}\n不成立  {where}：{zh}")


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def whole(text: str) -> int:
    need(len(text) < 18 and abs(int(text)) < 2**53, text[:18], "not canonical")
    return int(text)


def load(data: bytes, where: str) -> Any:
    """JSON whose bytes are its one canonical form: no spaces, no repeated names, no fractions (§2)."""
    value = json.loads(data, parse_float=whole, parse_int=whole)
    need(canonical(value) == data, where, "not canonical")
    return value


def fields(value: dict[str, Any], wanted: str, optional: str = "") -> list[Any]:
    """The fields named, in that order: exactly these, and an optional one only if it is not empty."""
    names, left_out = wanted.split(), optional.split()
    exact = {*names} <= {*value} <= {*names, *left_out} and all(value.get(name, 1) for name in left_out)
    need(exact, wanted, "other fields")
    return [value[name] for name in names] + [value.get(name, ()) for name in left_out]


def raw(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    need(base64.b64encode(data).decode() == text, text[:18], "not canonical")
    return data


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if name not in names}


def root_of(leaf: bytes, index: int, size: int, path: list[str]) -> str:
    """RFC 9162, 2.1.3.2: the root that a leaf and its path lead to; "" if the path does not fit."""
    fits = type(index) is int and type(size) is int and 0 <= index < size
    fn, sn, total = index, size - 1, sha256(b"\x00" + leaf).digest()
    for step in map(bytes.fromhex, path if fits else []):
        fits = fits and sn > 0 and step.hex() in path
        right = fn & 1 or fn == sn
        total = sha256(b"\x01" + (step + total if right else total + step)).digest()
        while right and fn and not fn & 1:
            fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    return total.hex() if fits and sn == 0 else ""


def signed_by(public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
    """Suite 1 is Ed25519 (RFC 8032). OpenSSL lets points of small order pass: they are refused here."""
    ys = [int.from_bytes(point, "little") % 2**255 for point in (public, signature[:32])]
    small = max(ys) >= PRIME or {*ys} & SMALL_ORDER or signature[32:][::-1] >= ORDER
    if type(suite) is int and (suite, len(public), len(signature)) == (1, 32, 64) and not small:
        with suppress(InvalidSignature, ValueError):
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            return True
    return False


def signers(where: str, head: Any, chain: str, operator: str, keys: Any, quorum: int) -> int:
    """How many of a set signed a header: the operator must, nobody twice, nobody falsely (§6, 1)."""
    header, *own, others = fields(head, "header signature suite", "cosignatures")
    given = {operator: own, **{other["member"]: fields(other, "signature suite member") for other in others}}
    for member, (signature, suite, *_) in given.items():
        message, key = b"hansa-header-1\x00" + canonical(header), keys.get(member, b"")
        need(signed_by(key, suite, raw(signature), message), where, "not signed by {}", member)
    need(header["chain"] == chain and len(given) == len(others) + 1, where, "other chain, or signed twice")
    need(len(given) >= quorum or (where == "head" and not others), where, "too few cosigners")
    return len(given)


def check_head(bundle: Any, chain: str, genesis: Any) -> tuple[Any, str, str]:
    """The header, and whether it is final: the sets of cosigners are followed from genesis on (§6, 1)."""
    operator, since, changes = genesis["operator"], 1, bundle.get("handovers", [])
    seats = genesis.get("cosigners", [{"member": operator, "public": genesis["node_public"]}])
    quorum, count, last = genesis.get("quorum", 1), 0, bundle["head"]["header"]
    for n, handover in enumerate([*changes, {"event": None, "head": bundle["head"]}]):
        where = f"handovers[{n}]" if n < len(changes) else "head"
        event, head = fields(handover, "event head")
        keys, new, height = {seat["member"]: raw(seat["public"]) for seat in seats}, {}, last["height"]
        need(len(seats) == len(keys) == len({*keys.values()}) >= quorum > 0, where, "no set that can stand")
        if event:
            item, block, _ = check_proof(where, event, "event", head["header"], {})
            new, height = load(item, where), block["height"]
            is_change = new["_type"] == "consortium.cosigners_changed" and height == head["header"]["height"]
            is_change = is_change and new["since"] == height + ("succeeds" not in new)
            is_change = is_change and since <= height and new["since"] <= last["height"]
            need(is_change, where, "no change of the set there")
        if "succeeds" in new:  # the cosigners made one of them the operator: it signs that very header
            before = (operator, seats, quorum) == (new["succeeds"], new["cosigners"], new["quorum"])
            need(before and operator != new["operator"], where, "no change of the set there")
            operator = new["operator"]
        count = signers(where, head, chain, operator, keys, quorum)
        if event:
            operator, seats, quorum, since = (new[f] for f in ("operator", "cosigners", "quorum", "since"))
    if len(keys) == 1 or count < quorum:
        return last, "the operator's word", "运营方的一面之词"
    said = f"final: {count} of {len(keys)} cosigners, q={quorum}"
    return last, said, f"已成定论：{len(keys)} 个见证方中 {count} 个会签，法定 {quorum} 个"


def varint(number: int) -> bytes:
    number %= 2**64
    return bytes([number]) if number < 128 else bytes([number % 128 | 128]) + varint(number >> 7)


def part(field: int, value: Any, always: bool = False) -> bytes:
    """A field of a protobuf message: an integer, or bytes; none where it is 0 or empty, unless always."""
    if type(value) is int:
        return varint(field * 8) + varint(value) if value else b""
    return varint(field * 8 + 2) + varint(len(value)) + value if value or always else b""


def unhex(text: str) -> bytes:
    data = bytes.fromhex(text)
    need(data.hex() == text and len(data) <= 32, text[:18], "not canonical")
    return data


def block_id(name: str, parts: Any) -> bytes:
    total, inner = fields(parts, "total hash")
    return part(1, unhex(name)) + part(2, part(1, total) + part(2, unhex(inner)), True)


def moment(value: Any) -> bytes:
    return part(1, value.get("time_s", 0)) + part(2, value.get("time_ns", 0))


def tree(leaves: list[bytes]) -> str:
    """The root over all leaves (RFC 6962, 2.1)."""
    row = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    while len(row) > 1:
        pairs = [sha256(b"\x01" + row[n] + row[n + 1]).digest() for n in range(0, len(row) - 1, 2)]
        row = pairs + row[len(row) // 2 * 2 :]
    return row[0].hex()


def engine_hash(engine: Any) -> str:
    """The hash of a header of CometBFT 0.38: a tree over its fourteen fields (§5.1)."""
    names = "app_hash chain_id consensus_hash data_hash evidence_hash height last_commit_hash "
    names += "last_results_hash next_validators_hash proposer time_s validators_hash version_block"
    *_, last, _, app = fields(engine, names, "last_block time_ns version_app")
    hashes = "last_commit data validators next_validators consensus app last_results evidence"
    return tree(
        [
            part(1, engine["version_block"]) + part(2, app or 0),
            part(1, engine["chain_id"].encode()),
            part(1, engine["height"]),
            moment(engine),
            block_id(*fields(last, "hash parts")) if last else part(2, b"", True),
            *(part(1, unhex(engine[f"{name}_hash"])) for name in hashes.split()),
            part(1, unhex(engine["proposer"])),
        ]
    )


def in_order(seats: Any) -> list[tuple[int, str, str, bytes]]:
    """(−power, address, member, key) of a set that can stand: most power first, then by address (§5.1)."""
    powers, keys = [seat["power"] for seat in seats], [raw(seat["public"]) for seat in seats]
    whole = all(type(power) is int and power > 0 for power in powers) and sum(powers) < 2**53
    whole = whole and len({*keys}) == len({s["member"] for s in seats}) == len(seats)
    whole = whole and 0 < len(seats) <= 256 and all(len(key) == 32 for key in keys)
    need(whole, "validators", "no set that can stand")
    return sorted(
        (-p, sha256(k).hexdigest()[:40], s["member"], k) for p, k, s in zip(powers, keys, seats, strict=True)
    )


def set_hash(seats: list[tuple[int, str, str, bytes]]) -> str:
    return tree([part(1, part(1, key), True) + part(2, -power) for power, _, _, key in seats])


def commit_power(where: str, head: Any, chain: str, seats: Any, since: int) -> tuple[int, int]:
    """The power that voted for a header, and the whole; nothing in it is false (§5.1, §6, 1)."""
    header, signature, suite, commit, tip = fields(head, "header signature suite commit tip")
    engine, parts, votes, number = fields(commit, "header parts votes", "round")
    root, whose, height, time_ms = fields(header, "app_hash chain height time_ms")
    block, inner = fields(tip, "block within_log")
    index, size, path = fields(inner, "index size", "path")
    whole = {type(n) for n in (height, time_ms, number or 0, *(vote["flag"] for vote in votes))} == {int}
    need(whole, where, "not canonical")
    same = (suite, signature, whose, engine["chain_id"]) == (16, "", chain, chain[:50])
    told = [index, size, block["height"], block["time_ms"], engine["app_hash"]]
    same = same and told == [height - 1, height, height, time_ms, root]
    need(same, where, "other chain, or signed twice")
    need(root_of(canonical(block), index, size, path) == header["app_hash"], where, "not in the log")
    need(engine["height"] >= since, where, "out of order")
    need(set_hash(seats) == engine["validators_hash"], where, "not the set in force")
    need(len(votes) == len(seats), where, "not the set in force")
    power, body = 0, part(1, 2) + b"\x11" + engine["height"].to_bytes(8, "little")
    body += b"\x19" + number.to_bytes(8, "little") if number else b""
    for (weight, address, member, key), vote in zip(seats, votes, strict=True):
        flag, *_ = fields(vote, "flag", "address signature time_ns time_s")
        if vote == {"flag": 1}:
            continue
        name = part(4, block_id(engine_hash(engine), parts), True) if flag == 2 else b""
        message = body + name + part(5, moment(vote), True) + part(6, engine["chain_id"].encode())
        true = signed_by(key, 1, raw(vote["signature"]), varint(len(message)) + message)
        need(true and flag in (2, 3) and vote["address"] == address, where, "not signed by {}", member)
        power -= weight if flag == 2 else 0
    whole = -sum(weight for weight, *_ in seats)
    need(power * 3 > whole * 2, where, "too little power: {} of {}", power, whole)
    return power, whole


def check_network(bundle: Any, chain: str, genesis: Any, known: str) -> tuple[Any, str, str]:
    """The same on a network: its sets of validators are followed from genesis on (§5.1, §6, 1)."""
    seats, since, head = in_order(genesis["validators"]), 1, bundle["head"]
    sets, engines = [(since, set_hash(seats))], [bundle["checkpoint"]] if "checkpoint" in bundle else []
    need(all(map(engine_hash, engines)), "checkpoint", "not canonical")
    for n, handover in enumerate(bundle.get("handovers", [])):
        event, change = fields(handover, "event head")
        where, engine = f"handovers[{n}]", change["commit"]["header"]
        commit_power(where, change, chain, seats, since)
        item, block, _ = check_proof(where, event, "event", change["header"], {})
        new = load(item, where)
        same = block["height"] == change["header"]["height"]
        same = same and new["_type"] == "consortium.validators_changed"
        need(same, where, "no change of the set there")
        seats, since = in_order(new["validators"]), engine["height"] + 1
        need(engine["next_validators_hash"] == set_hash(seats), where, "no change of the set there")
        sets.append((since, set_hash(seats)))
        engines.append(engine)
    power, whole = commit_power("head", head, chain, seats, since)
    if known:
        height, _, name = known.strip().lower().partition(":")
        need(len(unhex(name)) == 32, "checkpoint", "not canonical")
        engines.append(head["commit"]["header"])
        here = [engine for engine in engines if engine["height"] == int(height)]
        need(
            here and {engine_hash(e) for e in here} == {name},
            f"checkpoint {height}",
            "another block than the one known",
        )
        following = [[s for at, s in sets if at <= here[0]["height"] + one][-1] for one in (0, 1)]
        true = following == [here[0]["validators_hash"], here[0]["next_validators_hash"]]
        need(true, f"checkpoint {height}", "not the set in force")
    voted = f"power {power} of {whole}, set {len(sets)}, engine height {head['commit']['header']['height']}"
    said = f"proved by validators ({voted}), if over two thirds of each set were honest, old keys destroyed"
    said_zh = f"已由验证节点证明（表决权重 {power} / {whole}，第 {len(sets)} 届）"
    return head["header"], said, said_zh + "，前提：每届诚实方超过三分之二且旧密钥已销毁"


def check_proof(where: str, proof: Any, kind: str, header: Any, sizes: Any) -> tuple[bytes, Any, int]:
    """Item, block leaf and index of an item that lies under the header; trees have one size each."""
    stated, item, inner, block, outer = fields(proof, "kind item within_block block within_log")
    (index, size, path), (at, height, log_path) = (fields(i, "index size", "path") for i in (inner, outer))
    one_size = sizes.setdefault((block["height"], kind == "event"), size) == size
    in_place = (at, height) == (block["height"] - 1, header["height"])
    need(stated == kind and one_size and in_place, where, "not {} there", kind)
    in_block = root_of(raw(item), index, size, path) == block[f"{kind}s_root"]
    in_log = root_of(canonical(block), at, height, log_path) == header["app_hash"]
    need(in_block and in_log and block["time_ms"] <= header["time_ms"], where, "not in the log")
    return raw(item), block, index


def read_items(bundle: Any, header: Any) -> tuple[Any, list[Any], list[Any]]:
    """Records by (table, key…), with heights; [where, wire, outcome, block, index]; (block, event)."""
    records, found, events, sizes = {}, [], [], {}  # type: ignore[var-annotated]
    for n, proof in enumerate(bundle["attests"]):
        item, block, _ = check_proof(where := f"attests[{n}]", proof, "event", header, sizes)
        tag, key, record, table = fields(load(item, where), "_type key record table")
        need(tag == "kernel.attested" and (table, *key) not in records, where, "no attest, or a second")
        records[table, *key] = (load(raw(record), where), block["height"])
    for n, carried in enumerate(bundle["transactions"]):
        where, (outcome, sent) = f"transactions[{n}]", fields(carried, "outcome transaction")
        wire, block, index = check_proof(where, sent, "transaction", header, sizes)
        said, *place = check_proof(where, outcome, "outcome", header, sizes)
        before = (found[-1][3]["height"], found[-1][4]) if found else (0, -1)
        need(place == [block, index] and (block["height"], index) > before, where, "out of order")
        found.append([where, wire, load(said, where), block, index])
    last = (0, -1)
    for n, proof in enumerate(bundle.get("events", ())):
        item, block, index = check_proof(where := f"events[{n}]", proof, "event", header, sizes)
        need(last < (last := (block["height"], index)), where, "out of order")
        events.append((block, load(item, where)))
    return records, found, events


class Acts:
    """An action counts where its own event stands; one that was held, where it was carried out (§6, 6)."""

    def __init__(self, genesis: Any, records: Any, events: list[Any]) -> None:
        self.keys = {(m["id"], key["id"]): key for m in genesis["members"] for key in m["keys"]}
        self.records, self.events, self.at = records, events, 0
        self.held, self.proposed, self.approvals, self.notes = {}, {}, [], []  # type: ignore[var-annotated]
        self.yes: dict[str, set[str]] = defaultdict(set)
        self.founders = len(genesis["members"])

    def reach(self, height: int) -> None:
        """Keys that a vote gave, or a held recovery whose time was over, stand for themselves."""
        while self.at < len(self.events) and self.events[self.at][0]["height"] <= height:
            block, event = self.events[self.at]
            if event["_type"] != "consortium.key_registered":
                return
            if "proposal" in event:
                self.given(event)
                continue
            for own, (body, held) in self.held.items():
                (first, *_), over = body["actions"], block["time_ms"] >= held["until_ms"]
                ids = [key["id"] for key in first["keys"]] if first["_type"] == "consortium.recover" else []
                if over and (body["member"], *ids[:1]) == (event["member"], event["key"]):
                    del self.held[own]
                    self.counts(own, block, body, first)
                    self.carried_out(own, block, body)
                    break
            else:
                return

    def given(self, event: Any) -> None:
        """A key as proposed, with the votes for it: of two members at least (§6, 7)."""
        self.at += 1
        member, name, vote = event["member"], event["key"], event["proposal"]
        subject = self.proposed.get(vote, {})
        card, yes = subject.get("card", subject), self.yes[vote] - {member}
        new = [without(key, "id", "proof") for key in card.get("keys", ()) if key["id"] == name]
        same = new == [without(event, "_type", "member", "key", "proposal")] and card["member"] == member
        least = min(2, self.founders) if "card" in subject else 2
        need(same and len(yes) >= least, f"{member}/{name}", "not given by vote {}", vote)
        self.keys.setdefault((member, name), new[0])
        by, who = f"given by vote {vote} of the members, not by {member} itself", ", ".join(sorted(yes))
        self.notes.append(f"BUT    the key of {member}, {name}, was {by} (yes: {who})")
        self.notes.append(f"但  {member} 的密钥 {name} 由成员表决 {vote} 授予（赞成：{who}），并非自己登记")

    def take(self, block: Any, **wanted: Any) -> Any:
        """The next event, if it is this one in this block."""
        self.reach(block["height"])
        if self.at < len(self.events):
            at, event = self.events[self.at]
            if at == block and wanted.items() <= event.items():
                self.at += 1
                return event
        return None

    def counts(self, where: str, block: Any, body: Any, action: Any) -> bool:
        """Whether it left its event here. Only an anchor that came twice leaves none."""
        tag, member = action["_type"], body["member"]
        parts = [{"_type": "consortium.register_key", "key": key} for key in action.get("keys", ())]
        recovers = (tag, self.keys[member, body["key"]]["kind"]) == ("consortium.recover", "recovery")
        for part in parts if recovers else [action]:
            if part["_type"] not in LEFT:
                return False
            (event, names), inner = LEFT[part["_type"]], part.get("key", part.get("counters"))
            of = {**part, **(inner if isinstance(inner, dict) else {}), "by": member}
            says = {name.split("=")[0]: of[name.split("=")[-1]] for name in names if name != "from_day"}
            says |= {"from_day": of["from_day"]} if "from_day" in of else {}  # 0, 1970-01-01, is left out
            if not self.take(block, _type=event, **says):
                need(tag == "metering.anchor", where, "{} left no event: held, or not done", tag)
                return False
            if event in ("consortium.key_added", "consortium.key_registered"):
                old = self.keys.get((member, part.get("replaces")), {})
                new = {name: of[name] for name in ("public", "holder", "kind", "scopes", "expires_ms")}
                new["scopes"] = new["scopes"] or old.get("scopes", [])
                self.keys.setdefault((member, of["id"]), new)
        if tag == "consortium.propose":
            self.proposed.setdefault(action["proposal"], action["subject"])
        if tag == "consortium.vote" and action["yes"]:
            self.yes[action["proposal"]].add(member)
        return True

    def good(self, where: str, body: Any, time_ms: int) -> Any:
        """The signer's key, if it was known, neither expired nor revoked, and in scope for each action."""
        name = (body["member"], body["key"])
        need(name in self.keys and ("kernel.keys", *name) in self.records, where, "{} is unknown", name)
        key, shown = self.keys[name], self.records["kernel.keys", *name][0]
        until_ms = min(shown["expires_ms"], shown.get("revoked_ms", 2**53), key["expires_ms"] - 1)
        need(time_ms <= until_ms, where, "{} expired or revoked", name)
        for tag in (action["_type"] for action in body["actions"]):
            need({tag, tag.split(".")[0] + ".*", "*"} & {*key["scopes"]}, where, "beyond the key's scope")
        return key

    def done(self, where: str, block: Any, body: Any, own: str) -> Any:
        """(where, member, key, time, action) of what a transaction did; nothing, if it was held."""
        held = self.take(block, _type="consortium.held", transaction=own, member=body["member"])
        if held:
            self.held[own] = (body, held)
        for action in () if held else body["actions"]:
            if self.counts(where, block, body, action):
                yield (where, body["member"], body["key"], block["time_ms"], action)
                if action["_type"] == "consortium.approve":
                    yield from self.approved(where, block, body, own, action["held"])

    def approved(self, where: str, block: Any, by: Any, own: str, name: str) -> Any:
        """The last approval carries out what was held: holders all different, as many as were needed."""
        member, ended = by["member"], (CARRIED_OUT, name)
        holder, seen = self.keys[member, by["key"]]["holder"], self.events[self.at :]
        self.approvals.append((name, {"holder": holder, "key": by["key"], "transaction": own}))
        ends = [e for at, e in seen if at == block and (e["_type"], e.get("held")) == ended]
        given = ends[0]["approvals"] if ends else []
        if not given or given[-1]["transaction"] != own:
            return
        need(name in self.held, where, "approvals do not hold")
        body, held = self.held.pop(name)
        proposer, keys = self.good(where, body, block["time_ms"]), [(member, g["key"]) for g in given]
        holders = [proposer["holder"], *(g["holder"] for g in given)]
        count = len(given) + (proposer["kind"] in ("person", "recovery"))
        signed = all((name, g) in self.approvals for g in given) and body["member"] == member
        signed = signed and all(self.keys[key]["kind"] == "person" for key in keys)
        enough = len({*holders}) == len(holders) and count >= held["holders"]
        need(signed and enough, where, "approvals do not hold")
        for action in body["actions"]:
            if self.counts(where, block, body, action):
                yield (where, member, body["key"], block["time_ms"], action)
        self.carried_out(name, block, body)

    def carried_out(self, own: str, block: Any, body: Any) -> None:
        by = {name: body[name] for name in ("member", "key")}
        by["holder"] = self.keys[body["member"], body["key"]]["holder"]
        need(self.take(block, _type=CARRIED_OUT, held=own, **by), own, "not carried out there")


def check_transactions(genesis: Any, chain: str, records: Any, found: list[Any], acts: Acts) -> list[Any]:
    """Signed by a key that its member had then, not refused. Returns what took effect (§6, 5)."""
    actions = []
    for where, wire, outcome, block, _ in found:
        body, own = load(wire[65:], where), sha256(wire[65:]).hexdigest()
        need(outcome == {"code": "ok", "transaction": own}, where, "refused, or not its outcome")
        in_time = body["chain"] == chain and block["time_ms"] < body["valid_until_ms"]
        need(in_time, where, "other chain, or late")
        acts.reach(block["height"])
        public, message = acts.good(where, body, block["time_ms"])["public"], b"hansa-tx-1\x00" + wire[65:]
        need(signed_by(raw(public), wire[0], wire[1:65], message), where, "not signed by {}", body["key"])
        actions += acts.done(where, block, body, own)
    acts.reach(2**53)
    need(acts.at == len(acts.events), f"events[{acts.at}]", "of no act that is shown")
    for name, (shown, _) in records.items():
        if name[0] == "kernel.keys":
            origin = {"suite": 1, **without(acts.keys.get(name[1:], {"expires_ms": 0}), "id")}
            origin["expires_ms"] = min(shown["expires_ms"], origin["expires_ms"])  # earlier, if replaced
            need(without(shown, "_type", "revoked_ms") == origin, f"{name}", "{} is unknown", "key")
    return actions


def check_deal(subject: Any, contract: Any, records: Any, actions: list[Any]) -> tuple[Any, Any]:
    """The ledger shows what parties and owners signed; sums hold. Returns agreement, sources of devices."""
    said: dict[Any, Any] = defaultdict(dict)
    sources: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    prices: dict[Any, Any] = {}
    for _, member, _, time_ms, a in actions:
        if a["_type"] in PRICES:
            table, price, *parts = PRICES[a["_type"]]
            price_of = (table, member, *(str(a.get(part, 0)) for part in parts))
            prices.setdefault(price_of, {price: a[price], "published_ms": time_ms})
        name, owner = a.get("feed", a.get("id", a.get("lease"))), "" if "agreement" in a else member
        at = (a["_type"], owner, a.get("agreement", name), a.get("version"))
        said[at] = said[at] if said[at] and at[0] != "leasing.sign" else {**a, "by": member}
        if a["_type"] in ("metering.register_device", "metering.replace_device"):
            lives = sources[member, a["device"]]
            lives[str(len(lives) + 1)] = a["source"]
    name, first = fields(subject, "agreement period_from_ms")
    agreement, _ = records["billing.agreements", name]
    proposal, acceptance = said["billing.propose", "", name, None], said["billing.accept", "", name, None]
    parties, by = {agreement["provider"], agreement["user"]}, {proposal.get("by"), acceptance.get("by")}
    if word := agreement.get("signed"):  # it comes of a lease: both signed the contract whose terms it has
        proposal = {**contract["terms"], **{side: contract["terms"][of] for side, of in SIDES}}
        by = {member for member in parties if said["leasing.sign", member, name, None].get("content") == word}
        need(
            (contract["lease"], sha256(canonical(contract)).hexdigest()) == (name, word),
            name,
            "not what was signed",
        )
    owner, tariff, version = (agreement[f] for f in ("tariff_owner", "tariff", "tariff_version"))
    sheet, _ = records["billing.tariffs", owner, tariff, str(version)]
    calendar = (sheet["calendar_owner"], sheet["calendar"])
    published = said["billing.publish_tariff", owner, tariff, version]
    dates = said["consortium.publish_calendar", *calendar, None]
    agreed = [agreement.get(f"agreed_{n}" if word else n, agreement.get(n)) for n in AGREED.split()]
    pairs = [
        (name, [agreement["state"], *agreed], ["accepted", *(proposal.get(n) for n in AGREED.split())]),
        (name, by, parties),
        (tariff, without(sheet, "_type"), without(published, "_type", "by", "id", "version")),
        (calendar, records["consortium.calendars", *calendar][0]["calendar"], dates.get("calendar")),
    ]
    priced = [(n, without(r, "_type")) for n, (r, _) in records.items() if n[0] in PRICED]
    pairs += [(f"{n}", price, prices.get(n)) for n, price in priced]
    for owner, meter in ((m["owner"], m["feed"]) for m in agreement["meters"]):
        feed, _ = records["metering.feeds", owner, meter]
        declared = said["metering.register_feed", owner, meter, None].get("declaration", {})
        pairs.append((meter, without(feed, "legal_use"), without(declared, "legal_use")))
        of_device = ("metering.generations", owner, feed["device"])
        shown = {n[3]: r["source"] for n, (r, _) in records.items() if n[:3] == of_device}
        pairs.append((feed["device"], shown, sources[owner, feed["device"]]))
    for what, stands, signed in pairs:
        need(stands == signed, what, "not what was signed")
    check_statements(name, first, agreement, sheet["tariff"], records)
    return agreement, sources


def check_statements(name: str, first: int, agreement: Any, tariff: Any, records: Any) -> None:
    """What can be said of statements without rating (§8)."""
    of = {int(n[2]): r for n, (r, _) in records.items() if n[:2] == ("billing.statements", name)}
    old = [n for n, (_, height) in records.items() if height < of[first]["closed_height"]]
    need(not old, f"{old[:1]}", "shown as before the close")
    terms, sides = {**tariff, **agreement}, ("provider", "user", "currency", "tax_included")
    after, names = agreement["from_ms"], ("net_minor", "tax_minor", "gross_minor")
    for s in (of[start] for start in sorted(of) if start <= first):
        period, where = s["period"], f"statement from {s['period']['from_ms']}"
        same = all(s.get(f) == terms.get(f) for f in sides) and period["from_ms"] == after
        need(same, where, "other parties, or a period is missing")
        due_ms, after = period["to_ms"] + agreement["terms"]["cut_off_ms"], period["to_ms"]
        need(s["closed_ms"] >= due_ms, where, "closed before its cut-off")
        for parts in (s["lines"], s["by_rate"]):
            sums = [sum(part.get(name, 0) for part in parts) for name in names]
            adds_up = sums == [s.get(name, 0) for name in names] and sums[0] + sums[1] == sums[2]
            need(adds_up, where, "does not add up")


def check_records(agreement: Any, records: Any, actions: Any, sources: Any, held: Any) -> Any:
    """Counter records are vouched for and say what readings say. By (owner, feed, generation, number)."""
    meters = {(m["owner"], m["feed"]) for m in agreement["meters"]}
    anchors, counted, found = {}, {}, {}  # type: ignore[var-annotated]
    for where, member, key, time_ms, a in actions:
        if a["_type"] == "metering.anchor":
            anchors.setdefault((member, a["anchor"]), a)
        if a["_type"] != "metering.record" or (a["owner"], a["counters"]["feed"]) not in meters:
            continue
        owner, c = a["owner"], a["counters"]
        feed, _ = records["metering.feeds", owner, c["feed"]]
        source = sources[owner, feed["device"]][str(c["generation"])]
        speaker, _ = records["kernel.keys", owner, source]
        vouched = (member, key, speaker["kind"]) == (owner, source, "gateway")
        if "signature" in a:
            message = b"hansa-counter-1\x00" + (public := raw(speaker["public"])) + canonical(c)
            vouched = speaker["kind"] == "device" and signed_by(public, 1, raw(a["signature"]), message)
        vouched = vouched and time_ms <= min(speaker["expires_ms"], speaker.get("revoked_ms", 2**53))
        need(vouched, where, "{} not vouched for by its source", c["feed"])
        packed = (raw(x) for x in (c["at_ms"], c["value"], c["lost"], a["index"], c.get("span_ms", "")))
        at, value, lost, index, spans = (struct.unpack(f">{len(x) // 8}q", x) for x in packed)
        need(len(at) == len(value) == len(spans or at) == len(index), where, "does not add up")
        anchor = anchors.get((owner, a["anchor"]), {"count": 0})
        for k, i in enumerate(index):
            need(0 <= i < anchor["count"], where, "not under anchor {}", a["anchor"])
            name = (owner, c["feed"], c["generation"], c["first_sequence"] + k)
            counted.setdefault(name, (a["anchor"], i, at[k], value[k], spans[k] if spans else 0, k in lost))
    for n, item in enumerate(held):
        (owner, reading), where = fields(item, "owner reading"), f"readings[{n}]"
        name, data, index, salt, path = fields(reading, "anchor data index salt", "path")
        anchor = anchors.get((owner, name), {"count": 0, "root": ""})
        under = root_of(raw(salt) + raw(data), index, anchor["count"], path) == anchor["root"] > ""
        need(under and len(raw(salt)) == 16, where, "not under anchor {}", name)
        found[owner, name, index] = load(raw(data), where)
    for (owner, feed, generation, number), (anchor, index, *said) in counted.items():
        r = found.get((owner, anchor, index), {})
        told = [r.get("feed"), r.get("at_ms"), *(r.get(name, 0) for name in ("value", "span_ms", "lost"))]
        need(not r or told == [feed, *said], f"{feed} {generation}.{number}", "differs from its reading")
    return counted


def check(data: bytes, genesis_bytes: bytes, known: str = "") -> str:
    """What a reader should know of evidence that holds: numbers without a record, too. Raises Broken."""
    try:
        need(len(data) <= 64 * 2**20, "bundle", "too large")
        genesis, bundle = load(genesis_bytes, "genesis"), load(data, "bundle")
        is_evidence = isinstance(bundle, dict) and bundle.get("format") == "hansa-evidence-2"
        need(is_evidence, "format", "no evidence of a settlement in this version")
        network = "validators" in genesis
        optional = "contract events handovers readings" + " checkpoint" * network
        fields(bundle, "attests format head subject transactions", optional)
        whose = (bundle, sha256(genesis_bytes).hexdigest(), genesis)
        need(network or not known, "checkpoint", "another block than the one known")
        header, said, said_zh = check_network(*whose, known) if network else check_head(*whose)
        records, found, events = read_items(bundle, header)
        acts = Acts(genesis, records, events)
        actions = check_transactions(genesis, header["chain"], records, found, acts)
        agreement, sources = check_deal(bundle["subject"], bundle.get("contract"), records, actions)
        counted = check_records(agreement, records, actions, sources, bundle.get("readings", []))
    except Exception as error:  # whatever a stranger's bytes lead to
        if isinstance(error, Broken):
            raise
        told = f"DOES NOT HOLD  cannot be read: {error!r}\n不成立  无法读取：{error!r}"
        raise Broken(told) from None
    gaps = [f"{n[1]} {n[2]}.{n[3]}" for *f, k in counted if k > 1 and (n := (*f, k - 1)) not in counted]
    t, r, c, gap = len(found), len(records), len(counted), ", ".join(gaps[:20]) or "—"
    en = f"HOLDS  {t} transactions, {r} records, {c} counter records; {said}; no record: {gap}"
    zh = f"成立  {t} 笔交易，{r} 条账本记录，{c} 条计数记录；{said_zh}；缺少的序号：{gap}"
    return "\n".join([f"{en}; not rated", f"{zh}；未重算金额", *acts.notes])


if __name__ == "__main__":
    try:
        print(check(*(Path(name).read_bytes() for name in sys.argv[1:3]), *sys.argv[3:4]))
    except (Broken, OSError) as problem:
        sys.exit(str(problem))
