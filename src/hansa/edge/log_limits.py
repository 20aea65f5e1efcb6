"""Limits of the log reader. Each bounds work or memory that a file could otherwise ask for."""

MILLION = 1_000_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
MS_PER_DAY = 86_400_000

FILES_MAX = 100_000
FILE_BYTES_MAX = 2 * 1024 * MILLION
XLSX_UNPACKED_BYTES_MAX = 1024 * MILLION
MAPPING_BYTES_MAX = MILLION
FEEDS_MAX = 256
STATES_MAX = 64
TIME_TEXT_MAX = 64
NUMBER_TEXT_MAX = 48
VALUE_MAX = 2**53 - 1
"""Integers of the ledger lie within ±(2⁵³−1)."""

CACHE_MAX = 65_536
"""Texts whose meaning a reader keeps in memory, per feed and for times."""
STOP_AFTER_MALFORMED = 1_000
"""Without leave to keep the good rows, reading ends after so many malformed ones."""
REFUSED_LISTED_MAX = 1_000
REFUSED_SHOWN_MAX = 10
CONTRADICTIONS_LISTED_MAX = 1_000
PROGRESS_ROWS = 50_000

FAR_SIDE_PERCENT = 1
"""A cluster of times is taken for a wrong clock only when it holds less than this share of all rows."""
NOT_BEFORE_DEFAULT = (2000, 1, 1)
SILENCE_FACTOR = 3
"""A periodic feed is silent when nothing came for so many times its usual spacing."""
POWER_INTERVAL_MS = 900_000
THIN_FROM_LINES = 100_000
"""From so many lines on, a probe proposes that counters are recorded on the ledger each 15 minutes."""
