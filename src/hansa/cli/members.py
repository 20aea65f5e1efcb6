"""`hansa member`: who belongs to the consortium, one's own data, cards of those who want to join."""

from pathlib import Path
from typing import Any

import click

from hansa.apps.consortium import cards
from hansa.apps.consortium.messages import Leave, Member, NewKey, UpdateMember
from hansa.apps.consortium.messages_votes import Admit, Card
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
from hansa.cli.company import checked_id, company_of, company_options, licences_of, own_data_options
from hansa.cli.fields import FileTaken
from hansa.cli.founding import (
    KEY_DAYS,
    KEY_ID,
    RECOVERY_ID,
    first_keys,
    founding_card,
    public_of_node,
    signed_by,
)
from hansa.cli.keys import own_key
from hansa.cli.sending import act
from hansa.cli.votes import put_to_vote, read_card
from hansa.client.files import write_new
from hansa.client.keyfiles import PrivateKey, new_key, write_key
from hansa.kernel import encode, limits, possession

HEADS = (
    ("成员单位", "member"),
    ("名称", "name"),
    ("登记号", "registration"),
    ("规模", "size"),
    ("角色", "roles"),
    ("状态", "status"),
    ("自", "since"),
)
STATUS_ZH = {"active": "正常", "suspended": "暂停", "left": "已退出"}
CARD_DAYS = 30
READABLE = 0o644


@click.group()
def member() -> None:
    """Members of the consortium. 成员单位。"""


@member.command("list")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, as_json: bool, form: Form, profile_name: str) -> None:
    """All members. 全部成员单位。"""
    found = desk(lang, profile_name).ask_all("consortium.members", tuple[str, Any], lambda row: row[0])
    if as_json:
        show_json([{"id": name, **record} for name, record in found])
        return
    rows = [_row(name, record, lang) for name, record in found]
    show_rows(lang, HEADS, rows, form)


def _row(name: str, record: dict[str, Any], lang: Language) -> list[object]:
    registration = record.get("registration") or {"kind": "", "number": record.get("register_id", "")}
    status = str(record.get("status", "active"))
    return [
        name,
        record["name_zh"] if lang == "zh" else record["name_en"],
        f"{registration['kind']} {registration['number']}".strip(),
        record.get("size", ""),
        " ".join(record.get("roles", ())),
        STATUS_ZH.get(status, status) if lang == "zh" else status,
        instant(int(record.get("since_ms", 0))),
    ]


@member.command()
@click.argument("id", default="")
@profile_option
@click.pass_obj
def show(lang: Language, id: str, profile_name: str) -> None:
    """All about a member, as JSON; your own without ID. 某成员单位的全部信息。"""
    at = desk(lang, profile_name)
    found = at.ask("consortium.member", Any, member=id or at.profile.member)
    if found is None:
        raise WrongCommand(text_zh=f"没有成员单位 {id}。", text_en=f"There is no member {id}.")
    show_json(found)


@member.command()
@click.option("--founding", is_flag=True, help="For a consortium that is yet to be founded. 用于创建新联盟。")
@click.option("--id", "member_id", default="", help="The id you ask for (with --founding). 拟用编号。")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="With --founding: folder for your keys; node.key in it co-signs. 密钥目录。",
)
@click.option("--recovery", type=click.Path(path_type=Path), help="Write a recovery key here. 恢复密钥。")
@company_options
@click.option("--charter-sha256", default="", help="The charter you accept. 所接受章程的哈希。")
@click.option("--days", default=CARD_DAYS, show_default=True, help="How long the card holds. 有效天数。")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="Write it here. 输出。")
@profile_option
@click.pass_obj
def card(
    lang: Language,
    /,
    founding: bool,
    member_id: str,
    data: Path | None,
    recovery: Path | None,
    charter_sha256: str,
    days: int,
    output: Path,
    profile_name: str,
    **company: Any,
) -> None:
    """Make the card by which your company joins, signed by its first key.

    To an existing consortium: by your profile's key. To one yet to be founded: --founding, which makes the
    keys in --data as well. 制作成员卡：加入已有联盟，或（--founding）参与创建。
    """
    if output.exists():
        raise FileTaken(path=str(output))
    whose = company_of(company)
    if founding:
        made: object = _founding(member_id, data, recovery, whose)
    else:
        at = desk(lang, profile_name)
        made = joining_card(at, whose, recovery, charter_sha256, days)
    write_new(output, encode(made), READABLE)
    say(lang, f"成员卡：{output}", f"The card is in {output}")


def _founding(member_id: str, data: Path | None, recovery: Path | None, company: Any) -> object:
    if not member_id or data is None:
        raise WrongCommand(
            text_zh="--founding 须同时给出 --id 和 --data。", text_en="--founding needs --id and --data."
        )
    checked_id(member_id)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, node = new_key(), new_key()
    write_key(data / f"{KEY_ID}.pem", key.seed)
    write_key(data / "node.key", node.seed)
    cold = new_key() if recovery else None
    if recovery and cold:
        write_key(recovery, cold.seed)
    keys = first_keys(member_id, key, cold, KEY_DAYS)
    made = founding_card(member_id, company, keys, public_of_node(data))
    return signed_by(made, [key, *([cold] if cold else []), node])


def joining_card(at: Desk, company: Any, recovery: Path | None, charter_sha256: str, days: int) -> Admit:
    """The card of the profile's member, with proof for each of its keys, signed by the profile's key."""
    private = own_key(at, at.profile.key)
    keys = [_new_key(at, at.profile.key, private, "person", ("*",), KEY_DAYS)]
    if recovery is not None:
        cold = new_key()
        write_key(recovery, cold.seed)
        keys.append(_new_key(at, RECOVERY_ID, cold, "recovery", ("consortium.recover",), 5 * KEY_DAYS))
    made = Card(
        member=at.profile.member,
        company=company,
        keys=tuple(keys),
        valid_until_ms=at.time_ms() + days * limits.DAY_MS,
        charter_sha256=charter_sha256,
    )
    return Admit(card=made, signature=private.signer.sign(cards.message(at.profile.chain, made)))


def _new_key(
    at: Desk, name: str, private: PrivateKey, kind: Any, scopes: tuple[str, ...], days: int
) -> NewKey:
    message = possession(at.profile.chain, at.profile.member, name, private.public)
    return NewKey(
        id=name,
        public=private.public,
        holder=f"{at.profile.member}-{name}",
        kind=kind,
        scopes=scopes,
        expires_ms=at.time_ms() + days * limits.DAY_MS,
        proof=private.signer.sign(message),
    )


@member.command()
@click.argument("card_file")
@click.option("--id", "proposal", default="", help="Id of the proposal; else one is made. 提案编号。")
@acting
@click.pass_obj
def propose(
    lang: Language,
    card_file: str,
    proposal: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Propose to admit the company of CARD_FILE; the members vote. 提议接纳。"""
    put_to_vote(
        desk(lang, profile_name), read_card(card_file), proposal, dry_run=dry_run, yes=yes, as_json=as_json
    )


@member.command()
@own_data_options
@acting
@click.pass_obj
def update(
    lang: Language,
    size: str | None,
    roles: tuple[str, ...],
    licences: tuple[str, ...],
    node_url: str | None,
    cosigner_url: str | None,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Change your own data; what is not given stays. Names and numbers change by vote. 修改本单位信息。"""
    at = desk(lang, profile_name)
    known = at.ask("consortium.member", Member | None, member=at.profile.member)
    if known is None:
        raise WrongCommand(text_zh="本单位尚未被接纳。", text_en="Your company is not a member yet.")
    changed = UpdateMember(
        size=size or known.size,  # type: ignore[arg-type]  # a choice of the option
        roles=roles or known.roles,  # type: ignore[arg-type]  # choices of the option
        licences=licences_of(licences) if licences else known.licences,
        node_url=known.node_url if node_url is None else node_url,
        cosigner_url=known.cosigner_url if cosigner_url is None else cosigner_url,
    )
    act(at, [changed], dry_run=dry_run, yes=yes, as_json=as_json)


@member.command()
@acting
@click.pass_obj
def leave(lang: Language, profile_name: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Leave the consortium. Obligations and history stay; there is no way back but a vote. 退出联盟。"""
    act(desk(lang, profile_name), [Leave()], dry_run=dry_run, yes=yes, as_json=as_json)
