"""Every limit of the node, by name. They protect one server; members need not agree on them.

Those that an operator may want to change stand in `settings.Limits` with these as their defaults.
"""

# Bodies and headers.
BODY_BYTES_MAX = 8 * 2**20
"""Largest body of a request with transactions."""
SMALL_BODY_BYTES_MAX = 65_536
"""Largest body of any other request."""
ACKNOWLEDGEMENT_BYTES_MAX = 2**20
BODY_TIME_MAX_S = 30
"""A body must be whole by then, however slowly it comes."""
HEADER_BYTES_MAX = 16_384
"""Request line and headers together."""
HEADER_TIME_MAX_S = 10
"""A request's line and headers must be whole by then, counted from its first byte, or from the connection."""
KEEP_ALIVE_S = 65
"""A connection without a request is closed after it."""
CONNECTIONS_MAX = 4_096
CONNECTIONS_PER_ADDRESS_MAX = 1_024
CONNECT_AGAIN_S = 10
SEND_TIME_MAX_S = 30
SEND_BYTES_MIN = 2**18
"""Of an answer that waits to be taken, so much must be taken within SEND_TIME_MAX_S, or all of it."""
BODIES_BYTES_MAX = 64 * 2**20
"""Bodies that are being received, together."""

# Transactions that wait for the writer.
REQUEST_TRANSACTIONS_MAX = 512
QUEUE_TRANSACTIONS_MAX = 16_384
QUEUE_BYTES_MAX = 64 * 2**20
QUEUE_MEMBER_MAX = 8_192
"""Transactions of one member that wait at a time."""
QUEUE_KEY_MAX = 1_024
"""Transactions of one key that wait at a time: as many as its window of sequence numbers is wide."""
QUEUE_ADDRESS_MAX = 4_096
"""Transactions from one address whose signatures were not checked yet, or did not hold."""
SOURCES_AT_LEAST = 4
"""So many addresses find room for what is not checked yet, by its bytes."""
SMALL_REQUEST_BYTES = 4_096
"""One transaction of this size is taken from any address, as long as the queue has room."""
ADDRESSES_KNOWN_MAX = 16_384
CHECKED_AT_ONCE_MIN = 64
CHECKED_AT_ONCE_MAX = 2_000
"""Signatures that are checked while the writer decides a group: twice a group, so that the engine never
waits for them, and who has the next turn is known of nearly all that waits."""
GROUP_TRANSACTIONS_MAX = 1_000
"""Transactions that the writer takes at a time: bounds how long the others wait for their turn."""
GROUP_BYTES_MAX = 4 * 2**20
LOOP_TURN_AT = 64
"""Where so many transactions wait, but no whole group, the writer lets the event loop take in what came."""
LOOP_TURN_MAX_S = 0.1
TURN_TRANSACTIONS_MAX = 32
"""Transactions that one member gets into a group before the next member's turn comes."""
GATHER_S = 0.025
"""After a look at what came, the next one is so much later: what comes meanwhile shares it."""
CHECK_APART_MIN = 8
"""Fewer signatures than these are checked by the writer itself."""
WORKER_END_MAX_S = 2
KNOWN_KEYS_MAX = 16_384
RETRY_AFTER_MAX_S = 30

# A network node: between clients and the engine.
MEMPOOL_TRANSACTIONS = 5_000
MEMPOOL_BYTES = 16 * 2**20
"""What waits at the engine, of all members together."""
FLYING_TRANSACTIONS_MAX = 1_250
FLYING_BYTES_MAX = 4 * 2**20
"""What this node has at the engine at a time: a quarter, so that four nodes together do not fill it."""
RPC_BATCH_MAX = 100
"""Transactions in one call to the engine."""
RPC_BATCH_BYTES_MAX = 2**19
RPC_ANSWER_MAX = 4 * 2**20
RPC_TIMEOUT_S = 10
RPC_CONNECTIONS = 4
QUEUE_TIME_MAX_S = 10
"""A request that would likely wait longer is refused with a retry time."""
BLOCK_WAIT_MAX_S = 60
"""A request that waits longer for its block is told so; what it handed in stays handed in."""
HAND_IN_AGAIN_S = 5
"""What is in no block after so long is handed to the engine again: its mempool is not on disk."""
HAND_IN_AGAIN_MAX_S = 60
ENGINE_AWAY_MAX_S = 5
"""An engine that is away for longer: new transactions are refused."""
SILENT_BLOCKS = 100
COMMITS_KEPT = 1_000
"""Newest commits kept; those that change the validator set are kept for ever."""
TICK_AFTER_MS = 1_000
"""Due work that no block brought about for so long is asked for; each further member waits as long again."""
STALLED_AFTER_S = 60
"""A chain that has something to do and makes no block for so long stands still."""
CLOCK_OFF_MAX_MS = 10_000
"""How far the machine's clock may be off the time of blocks, which is the median of the members' clocks."""
ENGINE_ASKED_BYTES_MAX = 16_384
ENGINE_ASKED_PER_S = 50
"""Questions to the engine that one address may ask a second, through this node."""
ENGINE_ASKED_AT_ONCE = 8
"""Such questions that are under way at a time, of all addresses together."""

# Reads.
READERS = 4
"""Threads that answer reads."""
READS_WAITING_MAX = 256
READS_MEMBER_MAX = 128
"""Reads of one member that wait or are answered at a time."""
READS_STRANGERS_MAX = 32
"""The same of all that have no session; one address has a quarter of it."""
READ_TIME_MAX_S = 10
BLOCKS_PER_READ_MAX = 256
BLOCKS_BYTES_MAX = 16 * 2**20
"""Blocks stop being added to an answer once it is this long; one block always fits."""
RECORDS_PER_READ_MAX = 1_000
EVENTS_PER_READ_MAX = 1_000
WAIT_MAX_MS = 30_000
"""How long a request for blocks may wait for the next one."""

# Sessions.
CHALLENGE_LIFE_MS = 60_000
SESSION_LIFE_MS = 12 * 3_600_000
SESSIONS_PER_KEY_MAX = 16
SESSIONS_MAX = 100_000
CHALLENGES_MAX = 100_000
"""Challenges that are remembered, given and used alike, the oldest forgotten first."""

# Listeners to events.
LISTENERS_MAX = 2_000
LISTENERS_PER_MEMBER_MAX = 1_100
RECENT_EVENTS_MAX = 10_000
"""Events that are kept at hand for all listeners together."""
RECENT_BYTES_MAX = 16 * 2**20
HEARTBEAT_S = 15
EVENTS_AGAIN_S = 1
"""After it, events that could not be read are tried again."""

# Operation.
REFUSALS_LOGGED_PER_S = 5
RECORDS_COUNTED_EVERY_S = 60
"""Counting the records walks over all of them, so figures show a count that may be this old."""
DISK_FREE_MIN = 256 * 2**20
"""Bytes free on the ledger's disk below which the node calls itself unwell."""
CLOCK_BEHIND_MAX_MS = 5_000
"""How far the machine's clock may lie behind the newest block before the node calls itself unwell."""
WRITER_SILENT_MAX_S = 30
"""A writer that has work and says nothing for so long is called stuck."""
STOP_TIME_MAX_S = 10
DUE_RETRY_S = 5
"""After it, due work that the engine refused is tried again."""
