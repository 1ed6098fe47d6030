/**
 * Every limit of qdb, with its unit in its name and the reason for its value (TigerBeetle `constants.zig`, Convex
 * `knobs.rs`). Nothing grows without one of these above it.
 */

const KiB = 1024
const MiB = 1024 * KiB

// Entries

/** Placement needs a bound; quasardb's documents say 1024 bytes. */
export const aliasBytesMax = 1024
/** The largest content; `global.depot.max_entry_bytes` may lower it. Bounds one frame, one record, one reply. */
export const contentBytesMax = 64 * MiB
/** Aliases with this prefix belong to the cluster. */
export const reservedAliasPrefix = "qdb"
/** Slots of a cluster: top 12 bits of SHA3-256(alias). */
export const slotCountDefault = 4096

// Frames and sessions

/** The entry limit, and room for an alias, a comparand's header and the message around it. */
export const frameBytesMax = 64 * MiB + 64 * KiB
/** Between nodes: one record may hold a new content and the one that it replaced, and the segments of an append, or the rest of a piece. */
export const peerFrameBytesMax = 2 * contentBytesMax + 128 * KiB
/** The first frame of a connection is small: a stranger may not make us allocate. */
export const helloFrameBytesMax = 4 * KiB
/** Each text of a hello: software version, ids (in UTF-16 units, as strings are measured). */
export const helloTextCharactersMax = 128
/** A hello's challenge or answer. */
export const helloAuthBytesMax = 256
/** A partial frame's buffer begins with this much, so that a slow small frame does not regrow … */
export const frameBufferBytesMin = 256
/** … and doubles up to this; what follows comes in pieces of this size, or as large as a chunk that is no smaller. */
export const framePieceBytes = 64 * KiB
/** A larger buffer of a partial frame is given back once its frame is read; a connection keeps a smaller one. */
export const frameBufferKeptBytesMax = 16 * KiB
/** An output writer gives a larger buffer back once it is empty. */
export const writerKeptBytesMax = 256 * KiB
/** A connection that has not said hello by then is closed. */
export const helloTimeoutMs = 10_000
/** Lists longer than this come in pieces with a cursor. */
export const listPieceBytesMax = 1 * MiB
/** What one node gives to a piece that several make, at the least. */
export const slotsPieceBytesMin = 4 * KiB
/** A session with this much unread is not read from until it has drained. */
export const sessionOutputBytesMax = 4 * MiB
/** A session whose unread replies make no progress for this long is closed. */
export const sessionStallMs = 30_000
/** All sessions' unread replies and half-received frames together. */
export const sessionsOutputBytesMax = 256 * MiB
/** A connection silent for this long is closed by a peer that waits on it; idle ones send pings well before. */
export const connectionSilentMs = 15_000
/** How often an idle client connection sends a ping. */
export const pingIntervalMs = 5_000
/** Requests one session may have in flight; more are left in the socket. */
export const sessionRequestsMax = 4096
/** Orders of operators that wait for their answer at one node. */
export const nodeOrdersMax = 64
/** Scans that one node works on at once; more are told to try again. */
export const nodeScansMax = 64

// Requests

/** The end of the year 9999: the last instant that RFC 3339 can print. */
export const expiresAtMsMax = 253_402_300_799_999
/** A reason for stopping a node is a line in its log; names of nodes or of a setting are no longer. */
export const reasonBytesMax = 1024
/** Nodes that one plan adds. */
export const plannedNodesMax = 1024
/** Status documents are maps of small values: bounds for the decoder, above what a full cluster's needs. */
export const documentBytesMax = 4 * MiB
/** Values (leaves, lists and maps) of one document. */
export const documentValuesMax = 262_144
/** Nesting of one document; the decoder recurses. */
export const documentDepthMax = 16

/** What a client waits when it says nothing else. */
export const requestTimeoutMsDefault = 60_000
/** The longest time a request may have left. */
export const requestTimeoutMsMax = 300_000
/** A client's row of results lives this long after its last request; no attempt outlives it. */
export const clientRowMs = 600_000
/** Clients that a node remembers at once; what they cost is some hundred bytes each. */
export const clientsMax = 262_144
/** Clients found without making a string of their id; a power of two. */
export const clientIdsCached = 1024
/** Contents of results that a node keeps for retries; above, operations that answer with a content are refused. */
export const resultContentBytesMax = 256 * MiB

// Storage

/** Bytes appended to the log and not yet released by the core (the shared ring). */
export const logRingBytes = 8 * MiB
/** The ring's segments, of which as few as possible are in use: they are to stay in a processor's cache. */
export const logSegmentBytes = 128 * 1024
/** The ring has room for so many bytes of records when an event is handed to the core; a longer record has a buffer of its own. */
export const logRoomBytes = 1 * MiB
/** Log batches are at most this long, so that one commit stays short. */
export const logBatchBytesMax = 1 * MiB
/** The log may hold this much before writers are slowed. */
export const logBytesMax = 1024 * MiB
/** Records in buffers of their own, not yet released: twice the largest record. */
export const logOwnBuffersBytesMax = 2 * (contentBytesMax + MiB)
/** Committed bytes of the log that the table does not hold yet, above which the flusher works all the time. */
export const logFlushBytes = 512 * MiB
/** Bytes of log that the flusher takes at once, at least; more, as far as what it gathers of them has room. */
export const flushStepBytes = 64 * MiB
/** The same while the disk is full. */
export const flushStepBytesWhenFull = 1 * MiB
/** What the flusher gathers of a step at a time, in memory. */
export const flushGatheredBytesMax = 32 * MiB
/** Committed changes are in the table after this long, even if there are few. */
export const flushAgeMs = 30_000
/** Writers are slowed from this share of the changes at which they would be stopped. */
export const brakeFullnessMin = 2 / 3
/** A transaction of the flusher ends after so many rows, so that it stays well under a second. */
export const flushTransactionRows = 8_192
/** A file of the log. Where one ends a commit waits for two files; and a new node takes one at least. */
export const logSegmentFileBytes = 8 * MiB
/** Rows that one piece of a scan looks at: loads wait behind it. */
export const scanRowsMax = 20_000
/** Keys that a reader tells at once while the filter of existing keys is filled: some tenths of a millisecond. */
export const filterKeysPerPiece = 1_000
/** Blocks of memory's upkeep per turn. */
export const maintainStepsPerTurn = 256
/** Kept on disk to be given up when it is full, so that what is acknowledged can still be brought into the table. */
export const diskReserveBytes = 8 * MiB
/** What of it stays for the next start, which needs a third of that. */
export const diskStartReserveBytes = 1 * MiB
/** How often the disk's use is measured. */
export const diskMeasureMs = 1_000
/** Loads handed to a reader at once; more wait. */
export const loadsBatchMax = 256
/** Expired entries told per call. */
export const expiredEntriesMax = 1_000
/** Partition files of a data directory; fixed when it is created. */
export const partitionFiles = 8

// Cluster

export const replicationFactorMax = 4
export const heartbeatMs = 500
export const leaseMsDefault = 3_000
export const suspectMsDefault = 1_500
export const repairGraceSecondsDefault = 30
export const votersMax = 5
/** Members of one cluster; placement and views are measured up to a thousand. */
export const membersMax = 4096
/** One name in a view: an id, an address or a zone. */
export const viewTextBytesMax = 1024
/** Slots of a cluster; a power of two. */
export const slotsMax = 65536
/** A view's bytes: a thousand members and four thousand slots take less than a tenth. */
export const viewBytesMax = 8 * MiB
/** What a node says when it refuses another. */
export const refusalTextBytesMax = 4096
/** How often the membership machine looks at its deadlines; the finest time-out (gathering) is as long. */
export const tickMs = 100
/** Heartbeats a node remembers to have under way to the voters; older ones come too late for a lease anyway. */
export const heartbeatsInFlightMax = 64
/** Steps between views that a node keeps to bring others up to date; who is further behind gets a whole view. */
export const viewDeltasMax = 64
/** Slot changes one heartbeat carries; the rest go with the next. */
export const wantsPerHeartbeatMax = 512
/** Slot changes one view may hold, so that a proposal stays within a frame. */
export const slotChangesPerViewMax = 8192
/** Primaries that one node hands over at once: they are served by nobody until the next view. */
export const handOversMax = 128
/** Strangers whose refusal a node logs, once each. */
export const foreignPeersMax = 256
/**
 * Of so many slots one at a time may have a learner: copies are made together. More is faster and costs copies for
 * nothing, since every view plans anew among moves that are half done: with all slots at once, 48 where 46 would do. Slots
 * that lack replicas have as much room again.
 */
export const slotsPerLearner = 4
/** However few slots there are. */
export const learnersAtOnceMin = 16
/** Nodes outside that a voter remembers to have asked for membership. */
export const joinersMax = 1024
/** Addresses asked at a time by a node that looks for a cluster of which it knows many: each may answer with a view. */
export const askedInTurnMax = 8
/** Steps in which slots were given up (`view/loss.ts`) that a view can tell of; one holds as many slots as a heartbeat has wishes. */
export const lossesMax = 256
/** Orders of an operator that one voter keeps at once, and for how long it tries to fulfil one. */
export const ordersMax = 256
export const orderMs = 60_000
/** What the coordinator waits for more changes before it proposes, where nothing failed. */
export const gatherMs = 100
/** What a stop waits for others to stop, too, before anything is handed over: whoever stops a cluster tells all nodes at once. */
export const stopGatherMs = 300
/** How long who comes back waits for others that stopped in sync as it did, before it takes their places from them. */
export const returnPatienceMs = 5_000
/** How long changes of slots wait for members that have told nothing since the last view. */
export const gatherMsMax = 1_000
/** How long a view waits for more learners that only move; whole heartbeats, so that releases of all nodes fall together. */
export const moveGatherMs = 16_000
/** A voter of rank r proposes what stayed wanted for r times this. */
export const rankDelayMs = 1_000
/** A voter that took part in an instance and sees no decision takes it up after this. */
export const finishMs = 2_000
/** Who lost a duel of proposers proposes nothing for a random time up to this, and up to twice as long after each further one … */
export const backOffMs = 1_000
/** … but no longer than this. */
export const backOffMsMax = 8_000
/** Messages of an unanswered attempt are sent again after this. */
export const resendMs = 200
/** An attempt that found no majority by then is given up; it exceeds the longest wait for a lease. */
export const attemptMs = 10_000
/** A node without peers listens so long for a cluster that knows it. */
export const listenMs = 1_000
/** A joiner whose node id is another storage's waits so long for that one's eviction. */
export const duplicateNodeIdMs = 10_000
/** A clean stop gives up after this and stops anyway. */
export const cleanStopMs = 10_000

// Replication

/** Stands for the slot epoch of an entry in front of the oldest that a log's table of epochs keeps. */
export const unknownEpoch = -1
/** Records of one append, bytes; a longer record goes alone. */
export const appendBytesMax = 1 * MiB
/** Records on their way to one replica whose arrival it has not told; above, new ones wait in the primary's log. */
export const peerWindowBytes = 8 * MiB
/** Records sent to a replica after which it is told all commit points at once; else the next tick does that. */
export const tellCommittedBytes = 1 * MiB
/** A replica from which nothing came for so long while something was expected is asked where it stands. */
export const probeMs = 200
/** A replica without progress for so long is taken out of the slot; a node whose own log stands still so long stops. */
export const progressMs = 2_000
/** Log kept behind the durable position for replicas that catch up: some seconds of writing at full speed. */
export const logTailBytes = 128 * MiB
/** No more than this share of a disk quota, and nothing while the disk is full. */
export const logTailShareOfQuota = 1 / 16
/** The same of a node without files. */
export const transientTailBytes = 32 * MiB
/** The index of the log's tail knows where a slot's records begin to within this much of the log. */
export const tailStretchBytes = 4 * MiB
/** Records that a learner which has none of its slot is sent out of the log, a walk over those of all; of more it gets a snapshot. */
export const tailFromNothingMax = 32
/** Records read from the log at once for replicas that catch up. */
export const tailBytesMax = 1 * MiB
/** Entries of one piece of a snapshot, bytes; a longer entry goes alone. */
export const snapshotPieceBytesMax = 128 * 1024
/** Snapshots that one node sends at once, one piece of each under way: copies of small slots share looks at the table and commits. */
export const snapshotsMax = 128
/** Copies of slots that only move: how often a node grants itself the right to begin some more, in ticks, … */
export const ticksPerMoveGrant = 20
/** … how many at the least, … */
export const moveGrantsMin = 16
/** … how many at the most, … */
export const moveGrantsMax = 512
/** … and how late a tick may come before they become fewer, where clients are served … */
export const moveLateMsMax = 3
/** … and where none are to speak of: … */
export const moveLateMsMaxAtRest = 25
/** … where no more requests than so many came between two grants. */
export const restingRequestsMax = 200
/** Records that wait to be committed and were copied out of the log's ring: some seconds of writing at full speed. */
export const pinnedBytesMax = 64 * MiB
/** The tail of a replica that was given up is carried on when it has held the table back for so long … */
export const tailHeldMs = 60_000
/** … or for so long, if somebody waits for the table, … */
export const tailAwaitedMs = 200
/** … and all of them are no more than that; there is room for as much at each tick. */
export const tailsCarriedBytesMax = logRoomBytes
/** How often primaries tell their backups what they have flushed, to compare it: as often as they flush. */
export const compareMs = 30_000
/** A forwarded request without an answer for so long is given up: a write then is in doubt. */
export const forwardMs = 3_000
/** Forwarded requests that a node waits for at once. */
export const forwardsMax = 65_536
/** Forwarded requests by one node that another remembers, so as to take each once: connections deliver in order, so few are late. */
export const forwardsRemembered = 1_024
/** How often a request may be forwarded. */
export const hopsMax = 2

// Links between nodes

/** A link that cannot be opened in this time is given up for now: a lost packet is sent again within it. */
export const linkDialMs = 3_000
/** The first pause before another attempt, and the longest: short, because heartbeats wait for it. */
export const linkRetryMsMin = 50
export const linkRetryMsMax = 1_000
/** How often an open link asks whether the other still reads. */
export const linkPingMs = 1_000
/** A control link without an answer for so long is dead: as long as a lease. */
export const linkControlSilentMs = 3_000
/** A bulk link may stand still while the other has no room, but not for ever. */
export const linkBulkSilentMs = 15_000
/** A link without a message for so long is closed. */
export const linkIdleMs = 60_000
/** What waits on a control link: some views and many heartbeats. */
export const linkControlBytesMax = 16 * MiB
/** What waits on a bulk link: the core keeps its own account of what is under way, and stays below. */
export const linkBulkBytesMax = 128 * MiB
/** Connections that have not said hello yet, besides as many as a node allows sessions: nodes must get through. */
export const ungreetedSessionsMax = 64
/** Connections of other nodes: two of each, and what is left of broken ones. */
export const nodeSessionsMax = 16_384
/** A cluster secret: more than anybody guesses, less than anybody means. */
export const secretBytesMin = 16
export const secretBytesMax = 4 * KiB

// Client library

/** Nodes that one client is connected to at once; what others serve is forwarded by these. */
export const clientLanesMax = 256
/** A connection that saves a hop is closed when nothing was asked on it for this long, well before the node does it. */
export const clientLaneIdleMs = 120_000
/** A node that is silent for this long while a request waits for it is pinged: who is alive answers at once. */
export const clientPingWaitingMs = 1_000
/**
 * A node that is silent for this long while a request waits for it, though pinged, is left, where there are others to go to.
 * Longer than a lease: the cluster has then replaced it, too.
 */
export const clientSilentMs = 4_000
/** Requests of one client that are not answered yet, waiting ones included; more are refused, and `writable()` waits. */
export const clientPendingMax = 16_384
/** Contents that those hold. Two of the largest fit. */
export const clientPendingBytesMax = 256 * MiB
/** Requests on one connection at once: enough to fill a round trip, and well below a session's bound. */
export const clientWindowRequestsMax = 1024
/** Bytes of requests on one connection at once, so that little stands in the socket; a single larger request goes alone. */
export const clientWindowBytesMax = 8 * MiB
/**
 * Numbers of writes from the lowest unanswered one to the newest. One entry that cannot be written for a while must not
 * hold up the others, so it is far above the window; a slot that has more results to keep than it may refuses by itself.
 */
export const clientNumbersOpenMax = 65_536
/** What one address may take to accept a connection and to say hello, before the next is tried. */
export const dialTimeoutMsDefault = 5_000
/** The first pause before a retry, and the longest; each is twice the one before, and shortened at random by up to a half. */
export const retryDelayMsMin = 40
export const retryDelayMsMax = 2_000
/** Refusals of one request that a connection may give before the client tries another address. */
export const refusalsMax = 5
/** Addresses of one client. */
export const clientAddressesMax = 64
/** How often a client that waits for a cluster to become stable asks for its state. */
export const clusterWatchMs = 200
/** Removals that `removeAll` has under way at once. */
export const removalsMax = 128

// Configuration

/** A configuration file is a page of text; a larger one is another kind of file. */
export const configFileBytesMax = 1 * MiB
/** The documented nesting is three deep; a deeper file could exhaust the parser's stack. */
export const configDepthMax = 16
/** Problems reported at once; more are counted. */
export const configProblemsMax = 200
/** Bootstrapping peers and log files of one node. */
export const configListItemsMax = 1024
/** A license is a page of text. */
export const licenseFileBytesMax = 64 * KiB

// The process

/** Operations that take longer are logged (`local.logger.slow_operation_ms`). */
export const slowOperationMsDefault = 100
/** Slow operations that are logged one by one in a second; what is above is counted. A stalled disk makes thousands. */
export const slowOperationLinesPerSecond = 50
/** Bytes of an alias that a log line shows. */
export const logAliasBytesMax = 128

/** The core ends a clean stop by itself; this much later it is ended without. */
export const stopMarginMs = 1_000
/** What is in flight at a stop is waited for this long. */
export const stopTimeoutMs = 10_000
/** How often a running daemon looks whether its license is about to expire: once a day. */
export const licenseReminderCheckMs = 86_400_000
/** Nodes that the configuration generator makes files for; each file lists all others. */
export const generatorHostsMax = 256

/** Nodes of a demonstration on one machine. */
export const demoNodesMax = 9
/** They are up and agreed by then, also on a busy machine. */
export const demoStartMs = 60_000

// HTTP

/** The longest request target; nothing that is served needs more. */
export const httpTargetBytesMax = 4 * KiB
/** The largest body of a request, which the pages do not have at all. */
export const httpBodyBytesMax = 64 * KiB
/** A request or a response that takes longer is given up, and so is a connection without one. */
export const httpIdleSeconds = 30
/** The request line and all headers. */
export const httpHeadBytesMax = 8 * KiB
/** Connections, each with one request in progress; one too many gets 503. */
export const httpConnectionsMax = 256

// The collector (`platform/collector.ts`)

/** Requests, after which a collection of the young is due: they leave some megabytes of garbage. */
export const requestsPerCollection = 4096
/** Each so many collections one is of everything. */
export const collectionsPerOld = 8
