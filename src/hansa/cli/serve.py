"""`hansa up` and `hansa follow`: a node of one's own, from its data directory."""

import os
from pathlib import Path
from typing import Any

import click

from hansa.cli.common import Desk, Language, WrongCommand, acting, confirm, desk, now_ms, say
from hansa.cli.founding import DIRECTORY, PORT, settings_text, write_directory
from hansa.cli.sending import act
from hansa.client.keyfiles import new_key, write_key

GARBAGE_AFTER = 10_000
"""Objects more than before, and Python searches for garbage. Its own 700 are those of a few transactions."""

FOLLOWER = "hansa-follower"
SESSION_KEY = "member.key"
DAYS = 730


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), default=DIRECTORY)
@click.option("--host", help="Listen here instead. 监听地址。")
@click.option("--port", type=click.IntRange(0, 65_535), help="On this port; 0: any free one. 端口。")
@click.option(
    "--retry", "after_stop", flag_value="again", help="A waiting node: take transactions again. 恢复写入。"
)
@click.option(
    "--set-aside",
    "after_stop",
    flag_value="set_aside",
    help="A waiting node: without those that stopped it. 搁置使其停机的交易。",
)
@click.pass_obj
def up(lang: Language, directory: Path, host: str | None, port: int | None, after_stop: str | None) -> None:
    """Run the node of DIRECTORY until Ctrl-C. 启动节点。"""
    _run(lang, directory, host, port, after_stop or "")


def _run(
    lang: Language,
    directory: Path,
    host: str | None,
    port: int | None,
    after_stop: Any = "",
    snapshot: Path | None = None,
    word: Any = None,
) -> None:
    import gc

    import msgspec

    from hansa.node import settings as files
    from hansa.node.network_run import SUPERVISED
    from hansa.node.run import serve

    found = files.read(directory)
    given: dict[str, Any] = {"host": host, "port": port}
    settings = msgspec.structs.replace(found, **{k: v for k, v in given.items() if v is not None})
    files.check(settings)

    def ready(handle: Any) -> None:
        # What is here by now stays: Python need not search it for garbage, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)
        scheme = "https" if settings.tls_certificate else "http"
        url = f"{scheme}://{settings.host}:{handle.port}"
        say(lang, f"节点就绪：{url}（Ctrl-C 停止）", f"The node answers at {url} (Ctrl-C ends it)", err=True)

    if settings.role == "network" and SUPERVISED not in os.environ:
        say(
            lang,
            f"这里只启动应用，不启动引擎；hansa node run {directory} 会一并启动并看护二者。",
            f"This starts the application alone, without its engine; hansa node run {directory} starts and "
            "minds both.",
            err=True,
        )
    if settings.role == "follower" and after_stop == "set_aside":
        raise WrongCommand(
            text_zh="从节点不搁置交易：是否执行由运营方决定。排除故障后用 --retry。",
            text_en="A follower sets no transactions aside: it executes what a block holds. Say --retry.",
        )
    if snapshot is not None or word is not None:
        from hansa.node import follower

        follower.follow(settings, ready=ready, snapshot=snapshot, word=word or follower.NO_WORD)
    else:
        serve(settings, ready=ready, retry=after_stop)


@click.command()
@click.argument("url")
@click.argument("directory", type=click.Path(path_type=Path), default=FOLLOWER)
@click.option("--port", default=PORT + 1, show_default=True, help="Of this follower. 本节点端口。")
@click.option("--node-key", type=click.Path(path_type=Path), help="An existing co-signing key. 会签密钥。")
@click.option("--ca", default="", help="CA file of the operator's certificate. 运营方节点证书的 CA 文件。")
@click.option("--snapshot", type=click.Path(path_type=Path), help="Begin with this snapshot. 从快照开始。")
@click.option("--set-up-only", is_flag=True, help="Make DIRECTORY and end. 只建立数据目录。")
@click.option(
    "--retry", is_flag=True, help="It waits: machine and clock are right. 机器与时钟无误，继续跟随。"
)
@click.option("--set-aside", "case", default="", help="This CASE halts it no longer. 搁置案卷。")
@acting
@click.pass_obj
def follow(
    lang: Language,
    url: str,
    directory: Path,
    port: int,
    node_key: Path | None,
    ca: str,
    snapshot: Path | None,
    set_up_only: bool,
    retry: bool,
    case: str,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Follow the node at URL: copy, execute and compare every block, and co-sign where you are a cosigner.

    The first time DIRECTORY is made: a co-signing key, and a key by which the follower reads as your member;
    that one is registered on the ledger, and may sign nothing. Later `hansa follow DIRECTORY` will do.
    跟随运营方节点：复制、重算、比对、会签。
    """
    if "://" not in url and (Path(url) / "node.toml").exists():
        directory = Path(url)
    if not (directory / "node.toml").exists():
        at = desk(lang, profile_name)
        key = f"follower-{at.profile.member}"[:58] + "-1"
        if dry_run:
            _register(at, key, b"", dry_run=True, yes=True, as_json=as_json)
            return
        _set_up(at, url, directory, port, node_key, ca, key, yes, as_json)
    elif dry_run:
        raise WrongCommand(text_zh=f"{directory} 已建立。", text_en=f"{directory} is set up already.")
    if not set_up_only:
        word = _word(lang, directory, retry, Path(case).name, yes) if retry or case else None
        _run(lang, directory, None, None, snapshot=snapshot, word=word)


def _word(lang: Language, directory: Path, retry: bool, case: str, yes: bool) -> Any:
    """What the member says to its follower; a case is shown before it is put aside. Raises CaseUnknown."""
    import getpass

    from hansa.node.casebook import Casebook
    from hansa.node.follower import CASES, Word

    if not case:
        return Word(retry=retry)
    found = Casebook(directory / CASES, "", now_ms).get(case)
    say(lang, found.zh, found.en, err=True)
    if not yes:
        confirm(
            lang,
            "搁置该案卷，从此它不再阻止会签？案卷留存，并记下是谁搁置的。",
            "Put this case aside, so that it halts cosigning no longer? It is kept, and who did so.",
        )
    try:
        person = getpass.getuser()
    except (OSError, KeyError):
        person = "?"
    return Word(retry=retry, set_aside=case, person=person)


def _set_up(
    at: Desk,
    url: str,
    directory: Path,
    port: int,
    node_key: Path | None,
    ca: str,
    key: str,
    yes: bool,
    as_json: bool,
) -> None:
    """The data directory of a follower, and its reading key on the ledger."""
    from hansa.client.keyfiles import read_key

    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / SESSION_KEY).exists():
        write_key(directory / SESSION_KEY, new_key().seed)
    session = read_key(directory / SESSION_KEY)  # On disk before the ledger knows it: no try is lost.
    _register(at, key, session.seed, dry_run=False, yes=yes, as_json=as_json)
    node = None
    if not (directory / "node.key").exists():
        node = new_key() if node_key is None else read_key(node_key)
    more = {"role": "follower", "follow": url, "key": key, **_later_operator(at)}
    if ca:
        more["follow_ca"] = str(Path(ca).resolve())
    write_directory(directory, at.genesis, node, settings_text(at.profile.member, port, **more))
    own = f"http://127.0.0.1:{port}"
    at.place.change(_with_follower(at, own), at.key)
    say(
        at.lang,
        f"从节点目录：{directory}。要参与会签，请由成员表决：hansa vote seat {directory}",
        f"The follower lies in {directory}. To co-sign, have the members vote: hansa vote seat {directory}",
        err=True,
    )


def _later_operator(at: Desk) -> dict[str, str]:
    """Whose node it follows, where that is not the founding operator's: an empty copy cannot know."""
    from hansa.apps.consortium.messages import CosignerSet, Genesis
    from hansa.kernel.canonical import decode

    now = at.ask("consortium.cosigners", CosignerSet | None)
    founding = decode(at.genesis, Genesis).operator
    return {} if now is None or now.operator == founding else {"follow_node": now.operator}


def _with_follower(at: Desk, url: str) -> Any:
    from hansa.kernel import replace

    return replace(at.profile, follower=url)


def _register(at: Desk, key: str, seed: bytes, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """A key that opens sessions and signs nothing; nothing is done where the ledger has it."""
    from hansa.apps.consortium.messages import NewKey, RegisterKey
    from hansa.client.keyfiles import PrivateKey
    from hansa.kernel import Key, limits, possession

    private = PrivateKey(seed) if seed else new_key()
    known = at.ask("consortium.keys_of", list[tuple[str, Key]], member=at.profile.member)
    if any(record.public == private.public for _, record in known):
        return
    message = possession(at.profile.chain, at.profile.member, key, private.public)
    new = NewKey(
        id=key,
        public=private.public,
        holder=f"{at.profile.member}-follower"[:64],
        kind="worker",
        scopes=(),
        expires_ms=now_ms() + DAYS * limits.DAY_MS,
        proof=private.signer.sign(message),
    )
    act(at, [RegisterKey(key=new)], dry_run=dry_run, yes=yes, as_json=as_json)
