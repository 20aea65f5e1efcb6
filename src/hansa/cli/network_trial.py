"""`hansa network trial`: a network of made-up companies on this machine, for trying things out."""

from pathlib import Path

import click

from hansa.apps.consortium.messages import GenesisMember
from hansa.cli.common import Language, now_ms, say
from hansa.cli.company import trial_company
from hansa.cli.founding import KEY_DAYS, PORT, PORTS, first_keys, refuse_profile_name
from hansa.cli.network import check_genesis, keep_profile, worker_key
from hansa.client import profiles
from hansa.kernel import encode, limits, replace

NODES = 4
NODES_MAX = 10
HOST = "127.0.0.1"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--nodes", type=click.IntRange(1, NODES_MAX), default=NODES, show_default=True, help="Nodes. 节点数。"
)
@click.option(
    "--port", type=PORTS, default=PORT, show_default=True, help="Of the first one's HTTP. 首个 HTTP 端口。"
)
@click.option(
    "--engine-port", type=PORTS, default=26656, show_default=True, help="Of the first engine. 首个引擎端口。"
)
@click.pass_obj
def trial(lang: Language, directory: Path, nodes: int, port: int, engine_port: int) -> None:
    """Found a network of made-up companies, their nodes in DIRECTORY on this machine: to try things.

    All keys lie on one machine, so it is no network of companies that do not trust each other. 试用网络。
    """
    from hansa.node import errors_joining as errors
    from hansa.node import joining_cards as founding
    from hansa.node.joining_folder import Plan, make_keys, settings_text, write_folder

    if directory.exists() and any(directory.iterdir()):
        raise errors.FolderNotEmpty(path=str(directory))
    names = [f"company-{number}" for number in range(1, nodes + 1)]
    for name in names:
        if name in profiles.names():
            raise profiles.ProfileTaken(name=name)
        refuse_profile_name(name)
    cards = []
    for place, name in enumerate(names):
        keys = make_keys(directory / name)
        company = replace(trial_company(), node_url=f"http://{HOST}:{port + place}")
        member = GenesisMember(
            id=name,
            keys=(*first_keys(name, keys.daily, None, KEY_DAYS), worker_key(name, keys.worker)),
            **{field: getattr(company, field) for field in company.__struct_fields__},
        )
        address = f"{HOST}:{engine_port + place}"
        cards.append(founding.card_of(member, keys.validator.signer, keys.node.public, address))
    named = founding.Named(
        name_zh="试用网络", name_en="Trial network", created_ms=now_ms(), rules=limits.RULES_MAX
    )
    genesis = encode(founding.genesis_of(named, cards))
    check_genesis(genesis)
    for place, card in enumerate(cards):
        own = card.member.id
        plan = Plan(
            member=own,
            port=port + place,
            listen=card.address,
            external=card.address,
            peers=tuple(founding.peers_of(cards, own)),
            urls=founding.urls_of(cards, own),
        )
        write_folder(directory / own, genesis, settings_text(plan))
        daily = make_keys(directory / own).daily
        keep_profile(lang, own, own, directory / own, genesis, daily, port + place)
    starts = "\n".join(f"hansa node run {directory / name}" for name in names)
    say(
        lang,
        f"试用网络在 {directory}，配置 {names[0]} … {names[-1]}。各在一个终端启动：\n{starts}",
        f"The trial network lies in {directory}; profiles {names[0]} … {names[-1]}. Start each in a terminal "
        f"of its own:\n{starts}",
    )
