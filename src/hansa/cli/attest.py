"""`hansa attest`: show a current record of the ledger as an event, and prove it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from hansa.apps.consortium.messages import Attest
from hansa.cli.common import Desk, Language, acting, desk, say, show_json
from hansa.cli.sending import act
from hansa.client.errors import AnswerUnusable
from hansa.client.files import write_over
from hansa.client.operators import is_network
from hansa.kernel import Attested, encode

if TYPE_CHECKING:
    from hansa.client.verify_record import ProvedRecord

PAGE = 1_000
READABLE = 0o644


@click.command()
@click.argument("table")
@click.argument("key", nargs=-1, required=True)
@click.option("--proof", type=click.Path(path_type=Path), help="Write event, path, header here. 证明。")
@acting
@click.pass_obj
def attest(
    lang: Language,
    table: str,
    key: tuple[str, ...],
    proof: Path | None,
    profile_name: str,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Show the record KEY… of TABLE as an event: "true at this height" (consortium.members acme).

    出具记录证明：该记录在此高度为真。
    """
    at = desk(lang, profile_name)
    receipt = act(at, [Attest(table=table, key=key)], dry_run=dry_run, yes=yes, as_json=False, quiet=as_json)
    if receipt is None:
        return
    after = (receipt.height, -1)
    while page := at.node.events_after(*after, PAGE):
        for height, index, data in page:
            after = (height, index)
            if height > receipt.height or not data.startswith(b'{"_type":"kernel.attested"'):
                continue
            event = msgspec.json.decode(data, type=Attested)
            if (event.table, event.key) == (table, key):
                record = msgspec.json.decode(event.record)
                wanted = proof is not None or is_network(at.genesis)
                proved = _proved(at, height, index, data) if wanted else None
                show_json({"height": height, "index": index, "table": table, "key": key, "record": record})
                if is_network(at.genesis):
                    say(lang, "已由验证节点证明。", "Proved by the validators.", err=True)
                if proof is not None and proved is not None:
                    write_over(proof, encode(proved), READABLE)
                    say(lang, f"证明：{proof}", f"The proof is in {proof}", err=True)
                return
        if after[0] > receipt.height:
            break
    raise AnswerUnusable(url=at.node.url, detail="the event that shows the record is missing")


def _proved(at: Desk, height: int, index: int, event: bytes) -> "ProvedRecord":
    """This very event with its way up to a header that counts, and that goes on from what was checked before.

    Raises HeadUnproved, AnswerUnusable and the like.
    """
    from hansa.client.evidence import proved_head
    from hansa.client.validators import Validators, run
    from hansa.client.verify_record import ProvedRecord
    from hansa.kernel.evidence import holds

    head, handovers = proved_head(at.node, at.profile.chain, height)
    if is_network(at.genesis):
        run(at.node, Validators(at.trust).taken(at.node.url, head))
    proof = at.node.prove("event", height, index, head.header.height)
    shown = (proof.kind, proof.item, proof.block.height) == ("event", event, height)
    if not shown or not holds(proof, head.header):
        raise AnswerUnusable(url=at.node.url, detail=f"the proof of event {height}.{index} does not hold")
    return ProvedRecord(head=head, proof=proof, handovers=handovers)
