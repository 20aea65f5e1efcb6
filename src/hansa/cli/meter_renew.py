"""`hansa meter renew`: a new verification certificate of a meter, or the loss of the old one."""

import re
from datetime import datetime

import click

from hansa.apps.metering.errors import FeedUnknown
from hansa.apps.metering.messages import Feed, LegalUse, RenewLegalUse
from hansa.cli.common import Desk, WrongCommand
from hansa.cli.money_common import DAY, end_of, signing
from hansa.kernel import Action

RATIO = re.compile(r"(\d{1,9})/(\d{1,9})", re.ASCII)


@click.command()
@click.argument("feed")
@click.option("--lost", is_flag=True, help="It may settle trade no longer. 检定失效，不再用于贸易结算。")
@click.option("--certificate", default="", help="Number, as printed. 检定证书编号。")
@click.option("--valid-until", "until", type=DAY, help="Its last day. 有效期至。")
@click.option("--class", "accuracy", default="", help="Accuracy class; else as before. 准确度等级。")
@click.option("--seal", default="", help="Number of the seal; else as before. 铅封编号。")
@click.option("--ratio", default="", help="Transformer ratio, as 400/5; else as before. 互感器变比。")
@signing
def renew(
    at: Desk,
    feed: str,
    lost: bool,
    certificate: str,
    until: datetime | None,
    accuracy: str,
    seal: str,
    ratio: str,
) -> list[Action]:
    """Record the certificate of FEED: it may settle trade only while that is valid. 登记检定证书。"""
    found: Feed | None = at.ask("metering.feed_of", Feed | None, owner=at.profile.member, feed=feed)
    if found is None:
        raise FeedUnknown(owner=at.profile.member, feed=feed)
    if lost:
        return [RenewLegalUse(feed, LegalUse(grade="indicative"))]
    if not certificate or until is None:
        raise WrongCommand(
            text_zh="须有 --certificate 与 --valid-until，或 --lost。",
            text_en="give --certificate and --valid-until, or --lost.",
        )
    before = found.legal_use
    primary, secondary = _ratio(ratio) if ratio else (before.ratio_primary, before.ratio_secondary)
    legal_use = LegalUse(
        grade="billing",
        certificate=certificate,
        valid_until_ms=end_of(until),
        accuracy_class=accuracy or before.accuracy_class,
        seal=seal or before.seal,
        ratio_primary=primary,
        ratio_secondary=secondary,
    )
    return [RenewLegalUse(feed, legal_use)]


def _ratio(text: str) -> tuple[int, int]:
    found = RATIO.fullmatch(text)
    if found is None:
        raise WrongCommand(
            text_zh=f"变比 {text} 应写作 400/5。", text_en=f"the ratio {text} is written 400/5."
        )
    return int(found[1]), int(found[2])
