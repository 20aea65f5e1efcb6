"""From a tariff sheet to what its owner publishes: the tariff, the calendar that it reckons by, its series.

What is published says the same for ever, so nothing is published twice: a sheet that is there already
comes to nothing, one that says otherwise becomes the next version.
"""

from dataclasses import dataclass

from hansa.apps.billing.elements_energy import Series
from hansa.apps.billing.listing import ListedTariff
from hansa.apps.billing.messages import PublishedTariff, PublishTariff
from hansa.apps.billing.messages_prices import DeclareSeries, PublishedSeries, SeriesForm
from hansa.apps.billing.sheet import Sheet
from hansa.apps.billing.tariff import Tariff
from hansa.apps.consortium.calendars import Calendar
from hansa.apps.consortium.messages import CalendarRecord, PublishCalendar
from hansa.client.market import Asking
from hansa.kernel import Action
from hansa.kernel.refusal import Refusal

VERSION_DIGITS_MAX = 8


class TariffNameWrong(Refusal, code="tariff.name_wrong", field="tariff"):
    zh = "{given} 不是资费的写法：应为 [单位/]编号[/版本]。"
    en = "{given} names no tariff: it is [OWNER/]ID[/VERSION]."


class TariffTwice(Refusal, code="tariff.twice", field="version"):
    zh = "资费 {tariff} 第 {version} 版已发布，内容不同，不能更改。请用下一个版本号，或不写 --version。"
    en = (
        "Version {version} of tariff {tariff} is published and says otherwise; it cannot be changed. Use the "
        "next version, or leave --version out."
    )


class CalendarMissing(Refusal, code="tariff.calendar_missing", field="calendar"):
    zh = "{owner} 没有发布日历 {calendar}。请核对；不写 --calendar 时发布资费表自带的日历。"
    en = (
        "{owner} has published no calendar {calendar}. Check it; without --calendar that of the sheet is "
        "published."
    )


class CalendarDiffers(Refusal, code="tariff.calendar_differs", field="calendar"):
    zh = (
        "日历 {owner}/{calendar} 与资费表的日历不一致（时区或节假日不同），价格会按它计算。请让资费表与其一"
        "致，或另选日历。"
    )
    en = (
        "The calendar {owner}/{calendar}, by which prices would be reckoned, differs from the sheet's in its "
        "zone or holidays. Make the sheet say the same, or choose another calendar."
    )


class SeriesNotInSheet(Refusal, code="price.series_not_in_sheet", field="sheet"):
    zh = "资费表中没有由 {owner} 发布的价格序列 {series}。请核对编号，或不用 --sheet 而写明各项。"
    en = "The sheet has no series {series} of {owner}. Check the id, or give each option without --sheet."


@dataclass(frozen=True)
class Publication:
    """What is to be signed, if anything, and the name that it has then."""

    actions: tuple[Action, ...]
    owner: str
    tariff: str
    version: int
    calendar_owner: str
    calendar: str


def plan_tariff(
    ask: Asking, member: str, sheet: Sheet, name: str = "", version: int = 0, calendar: str = ""
) -> Publication:
    """What publishes a sheet as a member's tariff. `name`, `version`: else the sheet's name and the next
    version; `calendar`: `[OWNER/]ID` of one that is published, else that of the sheet's series, else its own.

    Raises TariffTwice, CalendarMissing, CalendarDiffers.
    """
    name = name or sheet.tariff.name
    calendar_owner, calendar_id, first = _calendar(ask, member, sheet, name, calendar)
    newest = newest_version(ask, member, name)
    there = _published(ask, member, name, version or newest)
    wanted = PublishedTariff(tariff=sheet.tariff, calendar_owner=calendar_owner, calendar=calendar_id)
    if there == wanted:
        number = version or newest
        return Publication((), member, name, number, calendar_owner, calendar_id)
    if version and there is not None:
        raise TariffTwice(tariff=name, version=version)
    number = version or newest + 1
    publish = PublishTariff(name, number, sheet.tariff, calendar_owner, calendar_id)
    return Publication((*first, publish), member, name, number, calendar_owner, calendar_id)


def plan_series(ask: Asking, member: str, series: str, sheet: Sheet) -> tuple[Action, ...]:
    """What declares a member's series as a sheet's clause needs it; none if that is declared.

    Raises SeriesNotInSheet, CalendarDiffers, and the ledger refuses a version that says otherwise.
    """
    for element in sheet.tariff.elements:
        if isinstance(element, Series) and (element.owner, element.series) == (member, series):
            break
    else:
        raise SeriesNotInSheet(owner=member, series=series)
    owner, calendar, first = _own_calendar(ask, member, sheet, sheet.tariff.name)
    form = SeriesForm(element.slot_minutes, element.unit, sheet.tariff.currency, owner, calendar)
    there = series_form(ask, member, series, element.version)
    if there == form:
        return ()
    return (*first, DeclareSeries(series, element.version, form))


def newest_version(ask: Asking, owner: str, tariff: str) -> int:
    """Number of a tariff's newest version; 0: there is none."""
    newest, page = 0, [0]
    while page:
        listed = ask(
            "billing.tariffs_of", list[ListedTariff], owner=owner, after=tariff, after_version=newest
        )
        page = [each.version for each in listed if each.tariff == tariff]
        newest = max(page, default=newest)
    return newest


def tariff_named(text: str, member: str) -> tuple[str, str, int]:
    """(owner, id, version) of `[OWNER/]ID[/VERSION]`; version 0: not said. What follows a stroke and is a
    number is a version. Raises TariffNameWrong.
    """
    parts = text.split("/")
    version = parts.pop() if len(parts) > 1 and parts[-1].isascii() and parts[-1].isdigit() else "0"
    if not all(parts) or len(parts) > 2 or len(version) > VERSION_DIGITS_MAX:
        raise TariffNameWrong(given=text)
    return (parts[0] if len(parts) == 2 else member), parts[-1], int(version)


def series_form(ask: Asking, owner: str, series: str, version: int) -> SeriesForm | None:
    """What a declared series is for; None: it is not declared."""
    found: PublishedSeries | None = ask(
        "billing.series_of", PublishedSeries | None, owner=owner, series=series, version=version
    )
    return found.form if found else None


def calendar_of(ask: Asking, owner: str, calendar: str) -> Calendar | None:
    """A published calendar; None: there is none."""
    found: CalendarRecord | None = ask(
        "consortium.calendar_of", CalendarRecord | None, member=owner, calendar=calendar
    )
    return found.calendar if found else None


def _published(ask: Asking, owner: str, tariff: str, version: int) -> PublishedTariff | None:
    if not version:
        return None
    found: PublishedTariff | None = ask(
        "billing.tariff_of", PublishedTariff | None, owner=owner, tariff=tariff, version=version
    )
    return found


Choice = tuple[str, str, tuple[Action, ...]]
"""Owner and id of a calendar, and what publishes it first."""


def _calendar(ask: Asking, member: str, sheet: Sheet, name: str, given: str) -> Choice:
    if given:
        owner, _, calendar = given.rpartition("/")
        return _named_calendar(ask, sheet, owner or member, calendar)
    form = _form_of_series(ask, sheet.tariff)
    if form is not None:  # Its slots are counted on the calendar of its series, or not at all.
        return _named_calendar(ask, sheet, form.calendar_owner, form.calendar)
    return _own_calendar(ask, member, sheet, name)


def _form_of_series(ask: Asking, tariff: Tariff) -> SeriesForm | None:
    for element in tariff.elements:
        if isinstance(element, Series):
            return series_form(ask, element.owner, element.series, element.version)
    return None


def _named_calendar(ask: Asking, sheet: Sheet, owner: str, calendar: str) -> Choice:
    found = calendar_of(ask, owner, calendar)
    if found is None:
        raise CalendarMissing(owner=owner, calendar=calendar)
    if not agree(found, sheet.calendar):
        raise CalendarDiffers(owner=owner, calendar=calendar)
    return owner, calendar, ()


def _own_calendar(ask: Asking, member: str, sheet: Sheet, name: str) -> Choice:
    """The member's calendar that says what the sheet's does: by the tariff's name, else the next free one."""
    number, calendar = 1, name
    while (found := calendar_of(ask, member, calendar)) is not None:
        if found == sheet.calendar:
            return member, calendar, ()
        number += 1
        calendar = f"{name}.{number}"
    return member, calendar, (PublishCalendar(id=calendar, calendar=sheet.calendar),)


def agree(one: Calendar, other: Calendar) -> bool:
    """Whether two calendars say the same of every date that both of them cover, and there are such."""
    first, until = max(one.from_day, other.from_day), min(one.until_day, other.until_day)
    if one.zone != other.zone or first >= until:
        return False
    return all(
        [day for day in mine if first <= day < until] == [day for day in theirs if first <= day < until]
        for mine, theirs in (
            (one.holiday_days, other.holiday_days),
            (one.makeup_days, other.makeup_days),
        )
    )
