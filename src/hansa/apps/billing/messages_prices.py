"""Published price series (分时价格序列) and indices (价格指数): never changed, only continued.

Times are ms since the epoch, UTC.
"""

from hansa.apps.consortium.calendars import Day
from hansa.kernel import (
    Action,
    CurrencyCode,
    Event,
    Id,
    Integer,
    MemberId,
    Natural,
    Positive,
    Record,
    RegisteredName,
    Struct,
    TimeMs,
)


class SlotRecord(Record, version=1, readers="members", retention="business"):
    """What a meter counted on a local date by slot (M18), base units; kept where an element asks for it."""

    counts: tuple[Natural, ...] = ()
    """One for each slot of the date; none: nothing was counted."""
    estimated: tuple[Natural, ...] = ()
    """What of each was spread over several slots; none: nothing was (M20)."""
    loose: Natural = 0
    """Booked on the date, but of no slot of it (M19)."""


class SeriesForm(Struct):
    """What the prices of a series are for."""

    minutes: Positive
    """Length of a slot: 15, 30 or 60."""
    unit: RegisteredName
    """The unit that each price is for, such as kWh."""
    currency: CurrencyCode
    calendar_owner: MemberId
    calendar: Id
    """Whose local dates the slots are counted on."""


class PublishedSeries(Record, version=1, readers="members", retention="for ever"):
    """A version of a price series. Its prices are added date by date."""

    form: SeriesForm


class SeriesDay(Record, version=1, readers="members", retention="for ever"):
    """The prices of a local date."""

    prices_e8: tuple[Integer, ...]
    """One for each slot, 1/100,000,000 of the currency's main unit; a price may be negative."""
    published_ms: TimeMs


class IndexValue(Record, version=1, readers="members", retention="for ever"):
    """A value of an index, in force from its key's date until the next."""

    value_e8: Positive
    """× 100,000,000."""
    published_ms: TimeMs


class DeclareSeries(Action, tag="billing.declare_series"):
    """A member declares a version of a price series of its own, without prices yet."""

    id: Id
    version: Positive
    form: SeriesForm


class PublishSeries(Action, tag="billing.publish_series"):
    """The series' owner adds the prices of one local date; they can never be changed."""

    id: Id
    version: Positive
    day: Day
    prices_e8: tuple[Integer, ...]


class PublishIndex(Action, tag="billing.publish_index"):
    """A member adds a value to an index of its own, from a later date on than all before it."""

    id: Id
    from_day: Day
    value_e8: Positive


class SeriesDeclared(Event, tag="billing.series_declared"):
    owner: MemberId
    id: Id
    version: Positive


class SeriesPublished(Event, tag="billing.series_published"):
    owner: MemberId
    id: Id
    version: Positive
    day: Day


class IndexPublished(Event, tag="billing.index_published"):
    owner: MemberId
    id: Id
    from_day: Day
    value_e8: Positive
