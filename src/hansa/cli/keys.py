"""`hansa key`: keys of one's own member: made here, registered, rotated, revoked, recovered, exported."""

from pathlib import Path
from typing import Any, get_args

import click
import msgspec

from hansa.apps.consortium.key_rules import RECOVER
from hansa.apps.consortium.messages import (
    AnyKeyKind,
    NewKey,
    Recover,
    RegisterKey,
    RevokeKey,
)
from hansa.apps.consortium.messages_approvals import ListedHeld
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
from hansa.cli.fields import FileUnusable, read_input, time_ms
from hansa.cli.profile import new_passphrase
from hansa.cli.sending import act
from hansa.client.keyfiles import PrivateKey, new_key, public_of, public_pem, read_key
from hansa.kernel import Key, limits, possession, replace
from hansa.kernel.messages import Receipt
from hansa.kernel.refusal import Refusal

HEADS = (
    ("编号", "id"),
    ("种类", "kind"),
    ("持钥人", "holder"),
    ("授权范围", "scopes"),
    ("到期", "expires"),
    ("状态", "state"),
    ("私钥在此", "here"),
)
DAYS_DEFAULT = 365
RECOVERY_DAYS = 5 * DAYS_DEFAULT
KINDS: tuple[str, ...] = get_args(AnyKeyKind)


class KeyCard(msgspec.Struct, forbid_unknown_fields=True):
    """A public key, and the proof that whoever made this card holds it: for one member, on one chain."""

    id: str
    public: bytes
    proof: bytes


@click.group()
def key() -> None:
    """Keys of your member. 成员单位的密钥。"""


@key.command("new")
@click.argument("id")
@click.option("--seal", is_flag=True, help="Protect it by a passphrase. 用口令保护。")
@profile_option
@click.pass_obj
def new_(lang: Language, id: str, seal: bool, profile_name: str) -> None:
    """Make a private key ID in a file here (0600). It counts once it is registered: `hansa key add`.

    生成私钥文件；用 hansa key add 登记后生效。
    """
    at = desk(lang, profile_name)
    made = new_key()
    path = at.place.add_key(id, made.seed, new_passphrase(lang) if seal else None)
    say(lang, f"私钥：{path}", f"The private key is in {path}")
    click.echo(public_pem(made.public), nl=False)


@key.command("list")
@click.option("--member", default="", help="Of another member. 其他成员单位的密钥。")
@json_option
@form_options
@profile_option
@click.pass_obj
def list_(lang: Language, member: str, as_json: bool, form: Form, profile_name: str) -> None:
    """Keys on the ledger, and which of them lie here. 账本上的密钥，及哪些私钥在此。"""
    at = desk(lang, profile_name)
    whose = member or at.profile.member
    found = _keys_of(at, whose)
    if as_json:
        show_json([{"id": name, **msgspec.structs.asdict(record)} for name, record in found])
        return
    now_ms = at.time_ms()
    rows = [
        [
            name,
            record.kind,
            record.holder,
            " ".join(record.scopes),
            instant(record.expires_ms),
            _state(record, now_ms, lang),
            not member and at.place.key_file(name).exists(),
        ]
        for name, record in found
    ]
    show_rows(lang, HEADS, rows, form)


def _keys_of(at: Desk, member: str) -> list[tuple[str, Key]]:
    return at.ask_all("consortium.keys_of", tuple[str, Key], lambda row: str(row[0]), member=member)


def _state(record: Key, now_ms: int, lang: Language) -> str:
    if record.revoked_ms:
        return "已吊销" if lang == "zh" else "revoked"
    if record.expires_ms <= now_ms:
        return "已过期" if lang == "zh" else "expired"
    return "有效" if lang == "zh" else "good"


@key.command()
@click.argument("id", default="")
@click.option(
    "--card", is_flag=True, help="A card for whoever registers it, with proof. 带持有证明的密钥卡。"
)
@click.option("--secret", is_flag=True, help="The private key itself, as PEM, for a backup. 导出私钥以备份。")
@profile_option
@click.pass_obj
def export(lang: Language, id: str, card: bool, secret: bool, profile_name: str) -> None:
    """Print a key that lies here: its public key (PEM), its card, or the secret. 导出公钥、密钥卡或私钥。"""
    from hansa.client.keyfiles import private_pem

    at = desk(lang, profile_name)
    name = id or at.profile.key
    if card:
        show_json(key_card(at, name, own_key(at, name)))
    elif secret:
        say(lang, "以下为私钥，切勿外传。", "This is the secret. Show it to nobody.", err=True)
        click.echo(private_pem(own_key(at, name).seed), nl=False)
    else:
        click.echo(public_pem(public_of(at.place.key_file(name))), nl=False)


def own_key(at: Desk, name: str) -> PrivateKey:
    """A private key that lies in the profile's folder."""
    from hansa.cli.common import passphrase

    return read_key(at.place.key_file(name), lambda: passphrase(at.lang))


def key_card(at: Desk, name: str, private: PrivateKey) -> KeyCard:
    message = possession(at.profile.chain, at.profile.member, name, private.public)
    return KeyCard(id=name, public=private.public, proof=private.signer.sign(message))


def new_key_options(command: Any) -> Any:
    """What is registered with a key."""
    for option in reversed(
        [
            click.option(
                "--card", default="", metavar="FILE", help="Card of a key that lies elsewhere. 密钥卡。"
            ),
            click.option(
                "--kind", type=click.Choice(KINDS), default="person", show_default=True, help="种类。"
            ),
            click.option(
                "--holder", default="", help="Pseudonym of who holds it; no names. 持钥人代号，勿用真名。"
            ),
            click.option(
                "--scope", "scopes", multiple=True, help="What it may sign: billing.propose, billing.*, *."
            ),
            click.option(
                "--expires", default=f"+{DAYS_DEFAULT}d", show_default=True, help="When it ends. 到期时间。"
            ),
        ]
    ):
        command = option(command)
    return command


def registered(
    at: Desk,
    name: str,
    card: str,
    kind: str,
    holder: str,
    scopes: tuple[str, ...],
    expires: str,
    *,
    dry_run: bool = False,
) -> NewKey:
    """A key as it is registered: by its card, or by its private key here (made where there is none).

    A dry run writes no file: the key that it shows is then gone.
    """
    shown = _read_card(card) if card else _card_here(at, name, keep=not dry_run)
    if name and shown.id != name:
        raise WrongCommand(
            text_zh=f"密钥卡是 {shown.id} 的，不是 {name} 的。",
            text_en=f"The card is of {shown.id}, not of {name}.",
        )
    return NewKey(
        id=shown.id,
        public=shown.public,
        holder=holder or f"{at.profile.member}-{shown.id}",
        kind=kind,  # type: ignore[arg-type]  # a choice of the option
        scopes=scopes,
        expires_ms=time_ms(expires, "expires"),
        proof=shown.proof,
    )


def _read_card(path: str) -> KeyCard:
    try:
        return msgspec.json.decode(read_input(path), type=KeyCard)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise FileUnusable(path=path, cause=str(error)) from None


def _card_here(at: Desk, name: str, *, keep: bool) -> KeyCard:
    if not name:
        raise WrongCommand(text_zh="请给出密钥编号，或 --card。", text_en="Give the key's id, or --card.")
    here = at.place.key_file(name).exists()
    if not here and not keep:
        return key_card(at, name, new_key())
    if not here:
        at.place.add_key(name, new_key().seed)
        say(at.lang, f"已生成私钥 {name}。", f"Private key {name} was made here.", err=True)
    return key_card(at, name, own_key(at, name))


@key.command()
@click.argument("id", default="")
@new_key_options
@acting
@click.pass_obj
def add(
    lang: Language,
    id: str,
    card: str,
    kind: str,
    holder: str,
    scopes: tuple[str, ...],
    expires: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Register key ID of your member: it lies here (or is made), or comes by its card. 登记密钥。"""
    at = desk(lang, profile_name)
    if kind == "recovery":
        scopes = scopes or (RECOVER,)
    new = registered(at, id, card, kind, holder, scopes, expires, dry_run=dry_run)
    act(at, [RegisterKey(key=new)], dry_run=dry_run, yes=yes, as_json=as_json)


@key.command()
@click.argument("id")
@click.option("--replaces", default="", help="Which key; else that of the profile. 被替换的密钥。")
@click.option(
    "--overlap", default=7, show_default=True, help="Days that the old one still serves. 并用天数。"
)
@click.option("--expires", default=f"+{DAYS_DEFAULT}d", show_default=True, help="When it ends. 到期时间。")
@acting
@click.pass_obj
def rotate(
    lang: Language,
    id: str,
    replaces: str,
    overlap: int,
    expires: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Replace a key by a new one ID, of the same kind, holder and scopes. The profile goes over to it.

    轮换密钥：同种类、持钥人与授权范围；配置随之改用新密钥。
    """
    at = desk(lang, profile_name)
    old_id = replaces or at.profile.key
    known = dict(_keys_of(at, at.profile.member))
    if old_id not in known:
        raise WrongCommand(
            text_zh=f"账本上没有密钥 {old_id}。", text_en=f"The ledger has no key {old_id} of your member."
        )
    old = known[old_id]
    new = registered(at, id, "", old.kind, old.holder, (), expires, dry_run=dry_run)
    action = RegisterKey(key=new, replaces=old_id, overlap_ms=overlap * limits.DAY_MS)
    receipt = act(at, [action], dry_run=dry_run, yes=yes, as_json=as_json)
    # Where it waits for approval the profile stays with the old key.
    if receipt is not None and old_id == at.profile.key and _is_registered(at, id):
        _go_over(at, id)


def _is_registered(at: Desk, name: str) -> bool:
    return name in dict(_keys_of(at, at.profile.member))


@key.command()
@click.argument("id")
@acting
@click.pass_obj
def revoke(lang: Language, id: str, profile_name: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """End key ID of your member at once, for good. 立即吊销密钥，不可恢复。"""
    at = desk(lang, profile_name)
    others = [name for name in _good_here(at) if name != id] if id == at.profile.key else []
    receipt = act(at, [RevokeKey(id=id)], dry_run=dry_run, yes=yes, as_json=as_json)
    if receipt is not None and others:
        _go_over(at, others[0])
    elif receipt is not None and id == at.profile.key:
        say(
            lang,
            "配置的密钥已吊销，且此处没有其他可用密钥。请用 hansa key recover 恢复。",
            "The profile's own key has ended, and no other good one lies here. See `hansa key recover`.",
            err=True,
        )


def _good_here(at: Desk) -> list[str]:
    """Persons' keys of the member that are good and lie here."""
    known = _keys_of(at, at.profile.member)
    now_ms = at.time_ms()
    return [
        name
        for name, record in known
        if record.kind == "person"
        and not record.revoked_ms
        and now_ms < record.expires_ms
        and at.place.key_file(name).exists()
    ]


def _go_over(at: Desk, name: str) -> None:
    """The profile signs with another key from here on."""
    at.place.change(replace(at.profile, key=name), own_key(at, name))
    say(at.lang, f"配置已改用密钥 {name}。", f"The profile now signs with {name}.", err=True)


def _waits(at: Desk, receipt: Receipt) -> bool:
    """Whether a transaction of the member is held."""
    try:
        waiting = at.ask("consortium.held", list[ListedHeld], member=at.profile.member)
    except Refusal:
        return False  # Whoever ended its own key reads no more, and what ended it has had its effect.
    return any(each.transaction == receipt.transaction for each in waiting)


@key.command()
@click.option(
    "--recovery-key", required=True, help="Id of the recovery key; its file lies here, or --file. 恢复密钥。"
)
@click.option("--file", "key_file", type=click.Path(path_type=Path), help="Its private key. 恢复密钥文件。")
@click.option("--revoke", "revoked", multiple=True, help="Keys to end. 要吊销的密钥。")
@click.option("--new", "new_id", required=True, help="Id of the new key, for everything. 新密钥编号。")
@click.option(
    "--next", "next_id", default="", help="Id of the next recovery key, made here. 下一把恢复密钥。"
)
@click.option("--guarded", is_flag=True, help="Approval rules bind that one. 使其受审批规则约束。")
@click.option("--expires", default=f"+{DAYS_DEFAULT}d", show_default=True, help="When it ends. 到期时间。")
@acting
@click.pass_obj
def recover(
    lang: Language,
    recovery_key: str,
    key_file: Path | None,
    revoked: tuple[str, ...],
    new_id: str,
    next_id: str,
    guarded: bool,
    expires: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Signed by the recovery key: end lost keys, register a new one; the profile goes over to it.

    With --next the recovery key itself is replaced: bring the new file to a safe place.
    由恢复密钥签名：吊销遗失的密钥，登记新密钥，配置随之改用；--next 同时更换恢复密钥，请将其文件移至安全处。
    """
    from hansa.cli.common import passphrase

    at = desk(lang, profile_name)
    secret = own_key(at, recovery_key) if key_file is None else read_key(key_file, lambda: passphrase(lang))
    new = [registered(at, new_id, "", "person", "", ("*",), expires, dry_run=dry_run)]
    if next_id:
        cold = registered(at, next_id, "", "recovery", "", (RECOVER,), f"+{RECOVERY_DAYS}d", dry_run=dry_run)
        new.append(cold)
    signing = at.signing_as(recovery_key, secret)
    action = Recover(revoke=revoked, keys=tuple(new), guarded=guarded)
    receipt = act(signing, [action], dry_run=dry_run, yes=yes, as_json=as_json)
    if receipt is not None and not _waits(signing, receipt):
        _go_over(at, new_id)
    elif receipt is not None:
        say(
            lang,
            "审批规则约束该恢复密钥：其他持钥人批准即生效；否则公示期满自动生效"
            "（hansa approve list 显示截止时间），除非两位持钥人驳回。"
            f"生效后执行：hansa profile set {at.place.name} --key {new_id}",
            "Approval rules bind this recovery key: the recovery comes into force once the other holders "
            "approve, else by itself after its notice (`hansa approve list` shows until when), unless two "
            f"holders reject it. Then run: hansa profile set {at.place.name} --key {new_id}",
            err=True,
        )
