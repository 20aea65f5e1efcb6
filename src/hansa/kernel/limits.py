"""Every limit of kernel and rooms, by name. Changing one changes the rules: see docs/protocol.md."""

RULES_MAX = 2
"""Newest version of the rules that this release executes (rule 13)."""

# Time.
SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
VALID_MAX_MS = DAY_MS
"""How long after block time a transaction may claim to be valid (rule 6)."""
SKEW_MAX_MS = 5 * MINUTE_MS
"""How far ahead of block time the clock of a source may be."""

# Decoding: checked before any work is spent (rule 3).
TRANSACTION_BYTES_MAX = 262_144
TRANSACTION_BRACKETS_MAX = 4_096
ACTIONS_MAX = 64
SCOPES_MAX = 64

# Replay (rule 6).
WINDOW_WIDTH = 1_024
IN_FLIGHT_MAX = 512

# Blocks.
BLOCK_TRANSACTIONS_MAX = 5_000
BLOCK_BYTES_MAX = 16 * 2**20
BLOCK_STEPS_MAX = 400_000
"""Reads, writes and scanned rows of a block; a transaction that comes after them waits for the next block."""
BLOCK_STEPS_MAX_RULES_1 = 2_000_000
"""Under rules 1."""
BLOCK_WRITTEN_MAX = 64 * 2**20
"""Bytes of records and events of a block, likewise."""

# What one transaction may cost (rule 9).
READS_MAX = 50_000
READS_PER_SIGNATURE = 100
"""What checking a signature within an action costs of the reads."""
WRITES_MAX = 25_000
SCANNED_MAX = 50_000
BYTES_MAX = 4 * 2**20
EVENTS_MAX = 256
WORK_MAX = 500_000
"""Work of a room from outside: about one per item walked, call, or sixteen parts of code."""
WORK_PER_STEP = 2
"""Of a block's steps, so that whole blocks of such work take seconds."""
KEY_BYTES_MAX = 1_024
INCIDENT_MAX = 500
"""Characters of an incident's detail."""
SCAN_MAX = 1_000
"""Rows that one scan returns unless it asks for fewer or, up to SCANNED_MAX, for more."""
ALL_ROWS = SCANNED_MAX + 1
"""Asked of a scan: every row; where there are too many, `kernel.over_budget` and no silent end."""

# Due queue (rule 12).
DUE_PER_BLOCK_MAX = 256
DUE_PER_MEMBER_MAX = 4_096

# Metering.
RECORDS_PER_BATCH_MAX = 1_000
READINGS_PER_BATCH_MAX = 65_536
REFOLD_MAX = 20_000
"""Records that a late record or a declared reset may cause to be read again."""
STATES_MAX = 32
LOOK_BACK_POINTS_MAX = 16
LOOK_BACK_DAYS_MAX = 60

# Billing.
METERS_MAX = 16
AGREEMENT_MAX_MS = 10 * 366 * DAY_MS
CUT_OFF_MAX_MS = 62 * DAY_MS
CORRECTED_PERIODS_MAX = 12
"""Earlier periods rated again at one close; what is left waits for the next."""
STATEMENT_GAPS_MAX = 500
"""Gaps and falls listed in a statement; beyond it the statement has their number, the ledger their list."""
STATEMENT_STOPS_MAX = 200
"""Causes of stops and of scrap listed in a statement, of each so many."""
CLAIMS_MAX = 24
"""Claims of one party about one period of an agreement."""
CLAIM_RECORDS_MAX = 250
"""Records that a claim's time is looked up in; what lies beyond stays attributed by rule."""
CLAIM_CONTEST_MS = DAY_MS
"""How long before its period's cut-off a claim must be made, so that the other party can contest it."""

# Leasing: the life of a lease.
ATTACHMENTS_MAX = 32
HANDOVER_ITEMS_MAX = 200
PHOTOS_PER_ITEM_MAX = 16
HANDOVER_AGE_MAX_MS = 7 * DAY_MS
"""How long ago condition and counters may have been looked at when they are reported."""
HANDOVER_SILENCE_MS = 10 * DAY_MS
"""After a report that the asset was handed back: who is not answered by then may confirm it alone."""
SUBLEASE_DEPTH_MAX = 4
"""Leases below one of the owner's own: sublet, sublet again, and so on."""
SUBLEASES_MAX = 64
"""Directly under one lease, ended ones included."""
ENDED_BELOW_MAX = 24
"""Subleases and reservations below a lease that end with it for a default."""
CONSENTS_MAX = 64
"""To sublease, of one lease."""
SUSPENSION_NOTICE_MIN_MS = 3 * DAY_MS
DEFAULT_AFTER_MS = 15 * DAY_MS
"""How long a lessee must have been suspended, still not having paid, before the lessor may end the lease."""
DAMAGE_OPEN_MAX_MS = 30 * DAY_MS
"""After the return: how long damage that is claimed and not agreed keeps a lease from being closed."""
DAMAGES_MAX = 64
"""Claims for damage of one lease."""
CHAIN_RECORDS_MAX = 20_000
"""Counter records that one look at a chain of subleases reads."""
CHAIN_LEASES_MAX = 200

# Leasing.
CAPABILITIES_MAX = 16
MATERIALS_MAX = 64
ASSET_FEEDS_MAX = 64
CHECKLIST_MAX = 64
CERTIFICATES_MAX = 32
OFFER_MAX_MS = 366 * DAY_MS
"""Length of a window offered."""
AHEAD_MAX_MS = 3 * 366 * DAY_MS
"""How far ahead a window offered may begin."""
NOTICE_MAX_MS = 366 * DAY_MS
OFFERS_OPEN_MAX = 1_000
"""Of one member."""
SHELF_ROWS_MAX = 16
"""Open offers in one record of the board."""
ROUNDS_MAX = 20
"""Proposals in one bargain."""

# Money.
ALLOCATIONS_MAX = 64
"""Obligations that one action pays by a receipt, or takes its money back from."""
OWN_DEBTS_MAX = 256
"""Open obligations that a member acknowledged by itself."""
DUE_MAX_MS = 10 * 366 * DAY_MS
"""How far ahead something may fall due."""
RETURN_MS = 30 * DAY_MS
"""Until when what goes back is due, unless the caller names another time."""
EARNEST_BP = 2_000
"""Earnest money in basis points of what it secures (民法典 第五百八十六条)."""
SWEEP_MAX = 64
"""Obligations told to be overdue by one piece of due work."""
HOLD_MAX_MS = 366 * DAY_MS
"""How long claims may be set aside."""
PAYMENTS_MAX = 64
"""Payments that one obligation takes, but for one that pays all that is open."""
PAYMENT_PIECES_MAX = 32
"""Payments of one source for one obligation that are kept apart by their dates."""
WITHDRAWAL_ANSWER_MS = 15 * DAY_MS
"""How long a bank may take to answer a withdrawal."""

# Life of a statement.
SETTLEMENT_DAYS_MAX = 366
"""Days of payment, and of silence."""
INTEREST_BP_MAX = 3_650
"""A year, of late-payment interest: a thousandth a day."""
CORRECTIONS_MAX = 64
"""Corrections of one statement."""
LIFE_PARTS_MAX = 64
"""Obligations that one statement leads to."""
INTEREST_ITEMS_MAX = 256
"""Late debts that one statement charges interest for; the others wait for the next."""
INTEREST_APART_MAX = 32
"""Of these, debts with a third, whose interest is owed by itself: each is an event or two."""
LESSENINGS_MAX = 32
"""Times at which one obligation of a statement was lessened that are kept apart."""

INDEX_LOOK_BACK_MAX = 64
"""Values of an index that are looked at for one that was published in time."""

# Consortium.
MEMBERS_MAX = 1_000
"""Members that have not left."""
LICENCES_MAX = 32
KEYS_AT_ONCE_MAX = 8
"""Keys that an admission or a recovery registers."""
REVOKED_AT_ONCE_MAX = 64
KEY_OVERLAP_MAX_MS = 90 * DAY_MS
"""How long an old key may go on beside the one that replaces it."""
OPEN_PROPOSALS_MAX = 16
"""Of one member."""
COSIGNERS_MAX = 64
VALIDATORS_MAX = 64
"""Seats among the validators of a network, suspended ones included."""
VALIDATOR_POWER_MAX = 1_000
ROTATION_APART_MS = DAY_MS
"""A member changes its own consensus key at most once in this time: every change is proved for ever."""
ROOMS_MAX = 16
"""Rooms from outside."""
APPROVAL_RULES_MAX = 32
"""Of one member."""
APPROVAL_HOLDERS_MIN = 2
APPROVAL_HOLDERS_MAX = 5
HELD_MAX = 32
"""Transactions of one member that wait for approval; and one recovery."""

# Calendars.
TRANSITIONS_MAX = 400
SPECIAL_DAYS_MAX = 2_000
