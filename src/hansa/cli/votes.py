"""`hansa vote`: proposals of the consortium, and one's vote on them."""

import time
from pathlib import Path
from typing import Any

import click
import msgspec

from hansa.apps.consortium.messages import NewKey
from hansa.apps.consortium.messages_votes import (
    ActivateRoom,
    ActivateRules,
    Admit,
    Amend,
    AnySubject,
    DeactivateRoom,
    Expel,
    ListedProposal,
    Object,
    Propose,
    RecoverMember,
    Reinstate,
    Seat,
    SetCosigners,
    SetParameter,
    Suspend,
    Vote,
    Withdraw,
)
from hansa.apps.consortium.telling import told
from hansa.cli.common import (
    Desk,
    Form,
    Language,
    WrongCommand,
    acting,
    desk,
    form_options,
    instant,
    json_option,
    profile_option,
    say,
    show_json,
    show_rows,
)
from hansa.cli.company import registration_of
from hansa.cli.fields import FileUnusable, read_input
from hansa.cli.sending import act
from hansa.cli.validators import set_ as set_validators
from hansa.client.keyfiles import read_key
from hansa.kernel import RoomPin, possession

HEADS = (
    ("编号", "id"),
    ("事项", "what"),
    ("内容", "does"),
    ("提议方", "proposer"),
    ("状态", "state"),
    ("赞成", "yes"),
    ("反对", "no"),
    ("有表决权", "voters"),
    ("截止", "deadline"),
)
STATES_ZH = {
    "open": "表决中",
    "notice": "公示中",
    "adopted": "已通过",
    "rejected": "未通过",
    "failed": "通过但无法执行",
    "withdrawn": "已撤回",
    "expired": "已过期",
    "objected": "因异议终止",
}
KINDS_ZH = {
    "admit": "接纳",
    "suspend": "暂停",
    "reinstate": "恢复",
    "expel": "除名",
    "amend": "变更登记",
    "recover": "恢复密钥",
    "cosigners": "更换见证方",
    "validators": "变更验证方",
    "parameter": "修改参数",
    "rules": "启用规则",
    "room": "启用应用",
    "room_off": "停用应用",
}
SEAT = "cosigner"
"""Id in a cosigner's proof of possession."""


@click.group()
def vote() -> None:
    """Proposals and votes. 提案与表决。"""


@vote.command("list")
@click.option("--state", type=click.Choice(tuple(STATES_ZH)), help="Of this state only. 只列此状态。")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, state: str | None, as_json: bool, form: Form, profile_name: str) -> None:
    """All proposals. 全部提案。"""
    at = desk(lang, profile_name)
    found = at.ask_all("consortium.proposals", ListedProposal, lambda each: each.id, state=state or "")
    if as_json:
        show_json(found)
        return
    show_rows(lang, HEADS, [_row(each, lang) for each in found], form)


def _row(each: ListedProposal, lang: Language) -> list[object]:
    found = each.proposal
    kind = str(found.subject.__struct_config__.tag)
    return [
        each.id,
        KINDS_ZH.get(kind, kind) if lang == "zh" else kind,
        told(found.subject)[0 if lang == "zh" else 1],
        found.proposer,
        STATES_ZH[found.state] if lang == "zh" else found.state,
        found.yes,
        found.no,
        found.voters,
        instant(found.deadline_ms),
    ]


@vote.command()
@click.argument("proposal")
@profile_option
@click.pass_obj
def show(lang: Language, proposal: str, profile_name: str) -> None:
    """A proposal whole, and who voted how, as JSON. 提案全文与各方表决。"""
    at = desk(lang, profile_name)
    found = at.ask("consortium.proposal", Any, proposal=proposal)
    if found is None:
        raise WrongCommand(text_zh=f"没有提案 {proposal}。", text_en=f"There is no proposal {proposal}.")
    votes = at.ask_all("consortium.votes", dict[str, Any], lambda each: each["member"], proposal=proposal)
    show_json({"id": proposal, "proposal": found, "votes": votes})


@vote.command()
@click.argument("proposal")
@click.argument("answer", type=click.Choice(["yes", "no"]))
@acting
@click.pass_obj
def cast(
    lang: Language,
    proposal: str,
    answer: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Vote yes or no on PROPOSAL; a vote is never changed. 投票，不可更改。"""
    at = desk(lang, profile_name)
    if not (yes or dry_run):
        click.echo(msgspec.json.format(msgspec.json.encode(_subject(at, proposal)), indent=1), err=True)
    action = Vote(proposal=proposal, yes=answer == "yes")
    receipt = act(at, [action], dry_run=dry_run, yes=yes, as_json=as_json)
    if receipt is not None and not as_json:
        found = at.ask("consortium.proposal", Any, proposal=proposal)
        state = str(found["state"]) if found else ""
        say(lang, f"提案现为：{STATES_ZH.get(state, state)}", f"The proposal is now: {state}")
        if state == "notice":
            when = instant(found["effective_ms"])
            say(lang, f"{when} 生效，除非所涉单位提出异议。",
                f"It comes into force at {when}, unless the member that it is about objects.")  # fmt: skip


def _subject(at: Desk, proposal: str) -> Any:
    found = at.ask("consortium.proposal", Any, proposal=proposal)
    return found["subject"] if found else None


@vote.command()
@click.argument("proposal")
@acting
@click.pass_obj
def withdraw(
    lang: Language, proposal: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Take back an open proposal of your own. 撤回本单位的提案。"""
    at = desk(lang, profile_name)
    act(at, [Withdraw(proposal=proposal)], dry_run=dry_run, yes=yes, as_json=as_json)


@vote.command("object")
@click.argument("proposal")
@acting
@click.pass_obj
def object_(
    lang: Language, proposal: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Object to PROPOSAL, which is about your own member: a recovery, or an exclusion by a single vote.

    对涉及本单位的提案提出异议：密钥恢复，或由一家单位单独决定的暂停、除名。
    """
    at = desk(lang, profile_name)
    act(at, [Object(proposal=proposal)], dry_run=dry_run, yes=yes, as_json=as_json)


# Proposing.


@vote.group()
def propose() -> None:
    """Put something to the vote. It is no vote itself: `hansa vote cast` follows. 提出提案。"""


def put_to_vote(
    at: Desk, subject: AnySubject, proposal: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """One proposal; its id is made where none is given."""
    kind = str(subject.__struct_config__.tag)
    name = proposal or f"{kind}-{at.profile.member}-{time.time_ns() // 1_000_000:x}"
    receipt = act(at, [Propose(proposal=name, subject=subject)], dry_run=dry_run, yes=yes, as_json=as_json)
    if receipt is not None and not as_json:
        say(at.lang, f"提案编号：{name}（表决：hansa vote cast {name} yes）",
            f"The proposal is {name}; vote: hansa vote cast {name} yes")  # fmt: skip


def _desk(lang: Language, how: dict[str, Any]) -> Desk:
    return desk(lang, how.pop("profile_name"))


def read_card(path: str) -> Admit:
    """A card to join by, as `hansa member card` writes it. The ledger checks its signatures."""
    try:
        return msgspec.json.decode(read_input(path), type=Admit)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=path, cause=str(error)) from None


def proposing(command: Any) -> Any:
    return acting(
        click.option("--id", "proposal", default="", help="Id of the proposal. 提案编号。")(command)
    )


@propose.command()
@click.argument("card_file")
@proposing
@click.pass_obj
def admit(lang: Language, /, card_file: str, proposal: str, **how: Any) -> None:
    """A company joins, by its card. 接纳。"""
    put_to_vote(_desk(lang, how), read_card(card_file), proposal, **how)


def _about_member(kind: Any, text: str) -> None:
    @propose.command(kind.__struct_config__.tag, help=text)
    @click.argument("member")
    @proposing
    @click.pass_obj
    def command(lang: Language, /, member: str, proposal: str, **how: Any) -> None:
        put_to_vote(_desk(lang, how), kind(member=member), proposal, **how)


_about_member(Suspend, "A member enters nothing new until it is reinstated. 暂停。")
_about_member(Reinstate, "A suspended member is active again. 恢复。")
_about_member(Expel, "A member is made to leave. 除名。")


@propose.command()
@click.argument("member")
@click.option("--name-zh", required=True, help="Registered name, Chinese. 登记名称（中文）。")
@click.option("--name-en", required=True, help="Registered name, English. 登记名称（英文）。")
@click.option("--uscc", default="", help="统一社会信用代码.")
@click.option("--vat", default="", help="VAT id. 增值税号。")
@click.option("--lei", default="", help="Legal entity identifier. 法人机构识别编码。")
@proposing
@click.pass_obj
def amend(
    lang: Language,
    /,
    member: str,
    name_zh: str,
    name_en: str,
    uscc: str,
    vat: str,
    lei: str,
    proposal: str,
    **how: Any,
) -> None:
    """A member's registered names or number change. 变更登记。"""
    registration = registration_of(uscc, vat, lei)
    subject = Amend(member=member, name_zh=name_zh, name_en=name_en, registration=registration)
    put_to_vote(_desk(lang, how), subject, proposal, **how)


@propose.command()
@click.argument("member")
@click.option("--revoke", "revoked", multiple=True, help="Keys to end. 要吊销的密钥。")
@click.option("--keys", "keys_file", required=True, help="New keys, a JSON list. 新密钥（JSON 列表）。")
@proposing
@click.pass_obj
def recover(
    lang: Language,
    /,
    member: str,
    revoked: tuple[str, ...],
    keys_file: str,
    proposal: str,
    **how: Any,
) -> None:
    """New keys for a member that lost all of its own. 为遗失全部密钥的成员单位恢复密钥。"""
    try:
        keys = msgspec.json.decode(read_input(keys_file), type=tuple[NewKey, ...])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=keys_file, cause=str(error)) from None
    subject = RecoverMember(member=member, revoke=revoked, keys=keys)
    put_to_vote(_desk(lang, how), subject, proposal, **how)


@propose.command()
@click.option("--seat", "seats", multiple=True, metavar="FILE", help="A new seat (hansa vote seat). 新席位。")
@click.option("--keep", multiple=True, metavar="MEMBER", help="A seat that stays. 保留的席位。")
@click.option("--quorum", type=int, required=True, help="How many must sign. 法定会签数。")
@click.option("--operator", default="", help="Another operator. 更换运营方。")
@proposing
@click.pass_obj
def cosigners(
    lang: Language,
    /,
    seats: tuple[str, ...],
    keep: tuple[str, ...],
    quorum: int,
    operator: str,
    proposal: str,
    **how: Any,
) -> None:
    """Another set of cosigners: those kept, and new ones. 更换见证方。"""
    at = _desk(lang, how)
    now = at.ask("consortium.cosigners", Any)
    known = {each["member"]: each["public"] for each in (now or {}).get("cosigners", [])}
    for member in keep:
        if member not in known:
            raise WrongCommand(text_zh=f"{member} 现在不是见证方。", text_en=f"{member} is no cosigner now.")
    kept = [msgspec.convert({"member": member, "public": known[member]}, Seat) for member in keep]
    new = [_read_seat(path) for path in seats]
    subject = SetCosigners(seats=(*kept, *new), quorum=quorum, operator=operator)
    put_to_vote(at, subject, proposal, **how)


def _read_seat(path: str) -> Seat:
    try:
        return msgspec.json.decode(read_input(path), type=Seat)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=path, cause=str(error)) from None


propose.add_command(set_validators, "validators")


@vote.command()
@click.argument("directory", type=click.Path(path_type=Path))
@profile_option
@click.pass_obj
def seat(lang: Language, directory: Path, profile_name: str) -> None:
    """Print the cosigner's seat of your node in DIRECTORY, with proof of its key. 输出见证方席位及证明。"""
    at = desk(lang, profile_name)
    key = read_key(directory / "node.key")
    message = possession(at.profile.chain, at.profile.member, SEAT, key.public)
    show_json(Seat(member=at.profile.member, public=key.public, proof=key.signer.sign(message)))


@propose.command()
@click.argument("name")
@click.argument("value", type=click.IntRange(min=0))
@proposing
@click.pass_obj
def parameter(lang: Language, /, name: str, value: int, proposal: str, **how: Any) -> None:
    """Set a parameter; `hansa get consortium.parameters` lists them. 修改参数。"""
    put_to_vote(_desk(lang, how), SetParameter(name=name, value=value), proposal, **how)


@propose.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--height", default=0, help="From this height on; else after the notice. 生效高度。")
@proposing
@click.pass_obj
def rules(lang: Language, /, version: int, height: int, proposal: str, **how: Any) -> None:
    """The next version of the rules. 启用新版规则。"""
    put_to_vote(_desk(lang, how), ActivateRules(version=version, height=height), proposal, **how)


@propose.command()
@click.argument("name")
@click.option("--version", "room_version", required=True, help="Its version. 版本。")
@click.option("--sha256", required=True, help="Hash of its files. 文件哈希。")
@click.option("--height", default=0, help="From this height on; else after the notice. 生效高度。")
@proposing
@click.pass_obj
def room(
    lang: Language,
    /,
    name: str,
    room_version: str,
    sha256: str,
    height: int,
    proposal: str,
    **how: Any,
) -> None:
    """A room from outside the release comes into force. 启用外部应用。"""
    pin = msgspec.convert({"name": name, "version": room_version, "sha256": sha256}, RoomPin, strict=False)
    put_to_vote(_desk(lang, how), ActivateRoom(room=pin, height=height), proposal, **how)


@propose.command("room-off")
@click.argument("name")
@click.option("--height", default=0, help="From this height on; else after the notice. 停用高度。")
@proposing
@click.pass_obj
def room_off(lang: Language, /, name: str, height: int, proposal: str, **how: Any) -> None:
    """A room from outside is in force no more. 停用外部应用。"""
    put_to_vote(_desk(lang, how), DeactivateRoom(name=name, height=height), proposal, **how)
