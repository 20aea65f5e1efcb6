"""`hansa profile`: which node, member and key commands use."""

from pathlib import Path

import click

from hansa.apps.consortium.messages import Genesis
from hansa.cli.common import (
    Form,
    Language,
    desk,
    form_options,
    json_option,
    passphrase,
    say,
    show_json,
    show_rows,
)
from hansa.cli.fields import read_input
from hansa.client import profiles
from hansa.client.keyfiles import new_key, public_pem, read_key
from hansa.client.outbox import identity_of
from hansa.client.profiles import Profile
from hansa.kernel import replace
from hansa.kernel.canonical import decode_strict

HEADS = (("配置", "profile"), ("默认", "default"), ("成员单位", "member"), ("密钥", "key"), ("节点", "node"))


@click.group()
def profile() -> None:
    """Which node, which member, which key. 配置：节点、成员单位、密钥。"""


@profile.command()
@click.argument("name")
@click.option("--url", required=True, help="The node's address. 节点地址。")
@click.option(
    "--genesis", required=True, help="The genesis file, from a source you trust. 可信来源的创世文件。"
)
@click.option("--member", required=True, help="Your member's id. 成员单位编号。")
@click.option("--node", default="", help="Whose node it is; else the operator's, or your own. 节点所属单位。")
@click.option("--key", default="k1", show_default=True, help="Id of the key. 密钥编号。")
@click.option(
    "--key-file", type=click.Path(path_type=Path), help="An existing key; else a new one. 已有私钥。"
)
@click.option("--seal", is_flag=True, help="Protect the key by a passphrase. 用口令保护私钥。")
@click.option("--follower", default="", help="Your own follower's address. 自己的从节点地址。")
@click.option("--ca", default="", help="CA file of the node's certificate. 节点证书的 CA 文件。")
@click.option("--allow-plain", is_flag=True, help="Allow sessions without TLS. 允许明文登录。")
@click.pass_obj
def add(
    lang: Language,
    name: str,
    url: str,
    genesis: str,
    member: str,
    node: str,
    key: str,
    key_file: Path | None,
    seal: bool,
    follower: str,
    ca: str,
    allow_plain: bool,
) -> None:
    """Make profile NAME. Without --key-file its key is made here; it then has to be registered. 新建配置。"""
    data = read_input(genesis)
    private = new_key() if key_file is None else read_key(key_file, lambda: passphrase(lang))
    made = Profile(
        url=url,
        member=member,
        key=key,
        chain=identity_of(data),
        node=node or decode_strict(data, Genesis).operator or member,
        follower=follower,
        ca=str(Path(ca).resolve()) if ca else "",
        allow_plain=allow_plain,
    )
    place = profiles.create(name, made, data, private, passphrase=new_passphrase(lang) if seal else None)
    say(lang, f"已建立配置 {name}：{place.folder}", f"Profile {name} is made: {place.folder}")
    click.echo(public_pem(private.public), nl=False)


def new_passphrase(lang: Language) -> str:
    """From HANSA_PASSPHRASE, or asked for twice."""
    import os

    named = os.environ.get("HANSA_PASSPHRASE", "")
    if named:
        return named
    word: str = click.prompt(
        "新口令" if lang == "zh" else "New passphrase", hide_input=True, confirmation_prompt=True, err=True
    )
    return word


@profile.command("list")
@json_option
@form_options
@click.pass_obj
def list_(lang: Language, as_json: bool, form: Form) -> None:
    """All profiles. 所有配置。"""
    chosen = profiles.find().name if profiles.names() else ""
    rows = []
    for name in profiles.names():
        found = profiles.find(name).profile()
        rows.append([name, name == chosen, found.member, found.key, found.url])
    if as_json:
        show_json([dict(zip((en for _, en in HEADS), row, strict=True)) for row in rows])
    else:
        show_rows(lang, HEADS, rows, form)


@profile.command()
@click.argument("name")
@click.pass_obj
def use(lang: Language, name: str) -> None:
    """Make NAME the default profile. 设为默认配置。"""
    profiles.choose(name)
    say(lang, f"默认配置：{name}", f"The default profile is {name}.")


@profile.command()
@click.argument("name", default="")
@click.pass_obj
def show(lang: Language, name: str) -> None:
    """A profile as JSON, and where it lies. 显示配置。"""
    place = profiles.find(name)
    found = {"name": place.name, "folder": str(place.folder), "profile": place.profile()}
    show_json(found)


@profile.command("set")
@click.argument("name")
@click.option("--key", help="Sign with this key, whose file lies here. 改用此密钥。")
@click.option("--url", help="The node's address. 节点地址。")
@click.option("--node", help="Whose node it is. 节点所属成员单位。")
@click.option("--follower", help="Your own follower's address. 自己的从节点地址。")
@click.option("--ca", help="CA file of the node's certificate. 节点证书的 CA 文件。")
@click.option("--allow-plain", type=bool, metavar="true|false", help="Sessions without TLS. 允许明文登录。")
@click.option(
    "--outbox-days",
    type=click.IntRange(0, 36_500),
    help="Archive what is done after so many days; 0: never. 已了结的项若干天后归档。",
)
@click.pass_obj
def set_(
    lang: Language,
    name: str,
    key: str | None,
    url: str | None,
    node: str | None,
    follower: str | None,
    ca: str | None,
    allow_plain: bool | None,
    outbox_days: int | None,
) -> None:
    """Change a profile; the key that it then has signs the change. 修改配置（由其密钥签名）。"""
    at = desk(lang, name)
    given = {
        "key": key, "url": url, "node": node, "follower": follower, "ca": ca, "allow_plain": allow_plain,
        "outbox_days": outbox_days,
    }  # fmt: skip
    changed = replace(at.profile, **{field: value for field, value in given.items() if value is not None})
    at.place.change(changed, read_key(at.place.key_file(changed.key), lambda: passphrase(lang)))
    show_json(changed)
