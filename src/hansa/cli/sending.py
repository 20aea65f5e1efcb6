"""From actions to a receipt: shown, confirmed, put into the outbox, sent; the same for every command."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from hansa.apps.consortium.messages_approvals import ListedHeld
from hansa.cli.common import OFFLINE, Desk, Language, confirm, instant, now_ms, say, show_json
from hansa.client import Refused
from hansa.client.action_words import action_lines
from hansa.client.errors import AnswerUnusable
from hansa.client.outbox import Entry, Outbox, refused_so_far
from hansa.kernel import Action, encode, limits
from hansa.kernel.canonical import decode, decode_strict
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal
from hansa.kernel.transaction import HEAD_BYTES, identity

if TYPE_CHECKING:
    from hansa.client.http import Http


def act(
    desk: Desk,
    actions: Sequence[Action],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    quiet: bool = False,
    told: bool = False,
    currency: str = "",
) -> Receipt | None:
    """One transaction of these actions, or what it would be. Raises Refused, or what the network raises:
    then it stays in the outbox, and the user is told. `told`: the user has read what they say already;
    `currency`: of their amounts, where they name none.
    """
    if dry_run:
        show_draft(desk, actions, as_json)
        return None
    if not yes:
        if not told:
            click.echo(described(actions, desk.lang, currency), err=True)
        confirm(desk.lang, "签名并发送？", "Sign and send?")
    with desk.outbox() as outbox:
        number = outbox.put(desk.registry, *actions, now_ms=now_ms())
        try:
            send(desk, outbox)
        except (*OFFLINE, AnswerUnusable):
            say(
                desk.lang,
                f"已存入发件箱（第 {number} 项），用 hansa tx send 再发。",
                f"It is kept in the outbox as entry {number}; `hansa tx send` sends it.",
                err=True,
            )
            raise
        entry = outbox.entry(number)
    receipt = show_outcome(desk.lang, entry, as_json, quiet)
    if receipt is not None:
        _tell_if_held(desk, receipt)
    return receipt


def _tell_if_held(desk: Desk, receipt: Receipt) -> None:
    """A transaction that waits for approval is on the ledger, and nothing else of it has happened."""
    try:
        waiting = desk.ask("consortium.held", list[ListedHeld], member=desk.profile.member)
    except Refusal:
        return  # Whoever ended its own key reads no more, and what ended it has had its effect.
    for each in waiting:
        if each.transaction == receipt.transaction:
            say(
                desk.lang,
                f"尚未生效：须有 {each.held.holders} 人同意。请另一持钥人执行：hansa approve approve "
                f"{receipt.transaction[:12]}",
                f"It has no effect yet: {each.held.holders} holders must agree. Another one runs: "
                f"hansa approve approve {receipt.transaction[:12]}",
                err=True,
            )


def send(desk: Desk, outbox: Outbox, **options: Any) -> None:
    """Flush the outbox, and hand acknowledgements to one's follower where there is one.

    What had its end long ago, as the profile says, goes to the archive first.
    """
    if desk.profile.outbox_days:
        outbox.prune(now_ms() - desk.profile.outbox_days * limits.DAY_MS, desk.place.outbox_archive)
    with follower_of(desk) as follower:
        outbox.flush(desk.node, desk.pen, follower=follower, **options)
        if follower is not None:
            _hand_over(desk, outbox, follower)


def _hand_over(desk: Desk, outbox: Outbox, follower: "Http") -> None:
    before = len(outbox.put_aside())
    try:
        outbox.hand_over(follower.hand_over)
    except Refusal as refusal:
        say(
            desk.lang,
            f"回执未能交给从节点，下次再交：{refusal.zh}",
            f"The acknowledgement waits for the follower: {refusal.en}",
            err=True,
        )
    aside = outbox.put_aside()
    if len(aside) > before:
        reason = list(aside.values())[-1]
        say(
            desk.lang,
            f"从节点不接受 {len(aside) - before} 份回执（{reason}），已另存；用 hansa tx export 查看。",
            f"The follower does not take {len(aside) - before} acknowledgements ({reason}); they are put "
            "aside, and `hansa tx export` shows them.",
            err=True,
        )


@contextlib.contextmanager
def follower_of(desk: Desk) -> Iterator["Http | None"]:
    """The member's own follower as its profile names it; None where it names none. Asked once."""
    profile = desk.profile
    if not profile.follower:
        yield None
        return
    from hansa.client.http import Http

    with Http(
        profile.follower,
        signer=desk.key.signer,
        member=profile.member,
        key=profile.key,
        node=profile.member,
        ca=Path(profile.ca) if profile.ca else None,
        allow_plain=profile.allow_plain,
        patience_s=0,
    ) as follower:
        yield follower


def show_draft(desk: Desk, actions: Sequence[Action], as_json: bool) -> None:
    """The body as it would be signed now, and its hash. Nothing is signed, stored or sent."""
    with desk.outbox() as outbox:
        draft = decode(outbox.draft(desk.registry, actions), desk.registry.body)
        used = desk.ask("consortium.sequence", int, member=desk.profile.member, key=desk.profile.key)
        sequence = outbox.next_sequence(desk.profile.key, used)
    until_ms = desk.time_ms() + limits.HOUR_MS
    body = msgspec.structs.replace(draft, key=desk.profile.key, sequence=sequence, valid_until_ms=until_ms)
    data = encode(body)
    decode_strict(data, desk.registry.body)
    name = identity(b"\0" * HEAD_BYTES + data)
    if as_json:
        show_json({"body": body, "bytes": HEAD_BYTES + len(data), "transaction": name})
        return
    click.echo(msgspec.json.format(data, indent=1).decode())
    say(
        desk.lang,
        f"SHA-256：{name}（{HEAD_BYTES + len(data)} 字节；未签名，未发送；有效期随签名时间而变）",
        f"SHA-256: {name} ({HEAD_BYTES + len(data)} bytes; not signed, not sent; the validity moves with the "
        "time of signing)",
        err=True,
    )


def described(actions: Sequence[Action], lang: Language, currency: str = "") -> str:
    """What is to be signed, for whoever is asked."""
    return "\n".join(line for action in actions for line in action_lines(action, lang, currency))


def tell_it_may_count(lang: Language, entry: Entry) -> None:
    """Of a refusal that stands on no ledger: nobody signed for it."""
    until = instant(entry.valid_until_ms)
    say(
        lang,
        f"第 {entry.number} 项被拒绝而未入账，在账本时间 {until} 之前仍可能生效，留在发件箱：请勿重新录入；"
        "到时用 hansa tx send 查明。",
        f"Entry {entry.number} was refused without a place on the ledger. Until {until} of ledger time it "
        "may still take effect, so it stays in the outbox: do not enter it anew, ask with `hansa tx send`.",
        err=True,
    )


def show_outcome(lang: Language, entry: Entry, as_json: bool, quiet: bool = False) -> Receipt | None:
    """What became of an entry. Raises Refused."""
    receipt = entry.receipt
    if refused_so_far(entry) is not None:
        tell_it_may_count(lang, entry)
    elif receipt is None or entry.state in ("signed", "queued"):
        if as_json:
            show_json(entry.as_dict())
        say(
            lang,
            f"第 {entry.number} 项还没有结果，留在发件箱。用 hansa tx send 再查。",
            f"Entry {entry.number} has no outcome yet and stays in the outbox. `hansa tx send` asks again.",
            err=True,
        )
        return None
    assert receipt is not None
    if receipt.code != "ok":
        raise Refused(receipt)
    if as_json:
        show_json(receipt)
    elif not quiet:
        say(
            lang,
            f"已上账：高度 {receipt.height}，第 {receipt.index} 笔，交易 {receipt.transaction}",
            f"On the ledger: height {receipt.height}, index {receipt.index}, "
            f"transaction {receipt.transaction}",
        )
    return receipt
