"""`hansa attest`: show a current record of the ledger as an event, and prove it."""

from pathlib import Path

import click
import msgspec

from hansa.apps.consortium.messages import Attest
from hansa.cli.common import Language, acting, desk, say, show_json
from hansa.cli.sending import act
from hansa.client.files import write_over
from hansa.kernel import Attested, Struct, encode
from hansa.kernel.evidence import Proof, SignedHeader

PAGE = 1_000
READABLE = 0o644


class ProvedRecord(Struct):
    """A record that stood at the proof's height, and the header that it is proved under."""

    head: SignedHeader
    proof: Proof


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
                show_json({"height": height, "index": index, "table": table, "key": key, "record": record})
                if proof is not None:
                    _write_proof(at.node, proof, height, index)
                    say(lang, f"证明：{proof}", f"The proof is in {proof}", err=True)
                return
        if after[0] > receipt.height:
            return


def _write_proof(node: object, path: Path, height: int, index: int) -> None:
    from hansa.client.http import Http

    assert isinstance(node, Http)
    head = node.head()
    assert head is not None
    proof = node.prove("event", height, index, head.header.height)
    write_over(path, encode(ProvedRecord(head=head, proof=proof)), READABLE)
