// Every bound of the product, with its unit, its reason and what happens there. Nothing in the process may grow without one of these.
// The tests hold that each is used, and that each says what it is for.

const KIB = 1024;
const MIB = 1024 * KIB;

export const limits = {
  // Events
  /** Bytes of UTF-8 in a session or item id. Longer: rejected as `too_long`. */
  idBytesMax: 128,
  /** Bytes of UTF-8 in a category, event id, order id or currency. Longer: rejected as `too_long`. */
  shortTextBytesMax: 64,
  /** Bytes of UTF-8 in a user id. Longer: rejected as `too_long`. */
  userIdBytesMax: 128,
  /** Bytes of UTF-8 in user agent, referrer, platform and page. Longer: rejected as `too_long`. */
  contextBytesMax: 1 * KIB,
  /** Entries in `properties`, and the bytes of its canonical JSON. More: rejected as `too_large`. */
  propertiesMax: 16,
  propertiesBytesMax: 1 * KIB,
  /** Order items in one transaction. More: rejected as `too_large`. */
  orderItemsMax: 1000,
  /** Earliest event time, ms since the epoch (2000-01-01T00:00:00Z). Earlier: rejected as `out_of_range`. */
  eventTimeMin: 946_684_800_000,
  /** Latest event time, ms since the epoch (9999-12-31T23:59:59.999Z), whatever the setting for the future says. */
  eventTimeMax: 253_402_300_799_999,
  /** Price in the shop's currency; kept as an integer of 1/10,000 that a double holds exactly. Above: rejected. */
  priceMax: 900_000_000_000,
  /** Pieces in one purchase. Above: rejected. */
  quantityMax: 1_000_000_000,

  // Requests
  /** Bytes of a request body as sent. Above: 413. */
  bodyBytesMax: 16 * MIB,
  /** Bytes of a request body once unpacked; a larger one is a bomb or a file for `replay`. Above: 413. */
  bodyDecodedBytesMax: 64 * MIB,
  /** Bodies that are unpacked at one time beyond their first bytes, which all may have. More: they wait in the order in which they came. */
  unpackedAtOnceMax: 1,
  unpackedAheadBytes: 256 * KIB,
  /** Bytes of one line of NDJSON or CSV, without its line end. Longer: that line alone is rejected as `line_too_long`. */
  lineBytesMax: 64 * KIB,
  /** Depth of arrays and objects in one JSON event. Deeper: rejected as `too_deep`. */
  jsonDepthMax: 8,
  /** Rejected lines told in an answer. The rest is counted, and found in the dead letters. */
  errorsInAnswerMax: 20,
  /** Refused lines and order items of one body, each of a few us. More: 400 for all of it, as a body that is no more than rubbish. */
  rejectsPerBodyMax: 1_000_000,
  /** Bytes of a body that orders something: a day, a verdict, a thousand numbers. Above: 413. */
  orderBodyBytesMax: 64 * KIB,
  /** Time in which the next piece of a body has to come, and all of it, ms. Slower: 408. */
  bodyStallMs: 15_000,
  bodyReadMs: 120_000,
  /** Time that a body may take while all places for requests are taken, ms. Longer: the oldest one makes way for others, with 408. */
  bodyMakesWayMs: 5_000,
  /** Time in which a request has to be there up to its body, from its connection or its first byte on, ms. Longer: the connection is cut. */
  requestHeadMs: 15_000,
  /** Time that a connection is kept without a request, ms: longer than proxies keep theirs, so that they end it. Longer: it is cut. */
  connectionIdleMs: 90_000,
  /** Time in which a client has to take so many bytes of its answer, or all that wait for it, ms. Slower: its connection is cut. */
  answerStallMs: 30_000,
  answerStallBytes: 16 * KIB,
  /** Silence of an answer that is a stream, ms: the live feed says something every half minute. Longer: its connection is cut. */
  answerSilentMs: 300_000,
  /** Connections at one time, or three in four of the file handles if that is less. More: those go that wait for a request the longest. */
  connectionsMax: 12_000,
  /** Connections of one address, which is a /64 of IPv6; a trusted proxy may have as many as all. More: as above. */
  connectionsPerAddressMax: 1_024,
  /** Trusted proxies, and origins for CORS, that can be set. More: the setting is refused. */
  trustedProxiesMax: 256,
  corsOriginsMax: 64,
  /** Proxies that a request may have come through, each of them trusted. More: the last one of these counts as its client. */
  forwardedHopsMax: 16,
  /** Characters of a host that a proxy tells. Longer: the host that the request itself names counts. */
  forwardedHostCharsMax: 255,
  /** Addresses and tokens whose requests are counted each for itself, of each kind. More: newcomers of one network share a count. */
  rateBucketsMax: 65_536,
  /** Counts that networks share then; those beyond share with another one. */
  rateSharedBuckets: 1024,
  /** Counts that a newcomer looks through for one that is used no more. More: it takes a shared one. */
  rateLooks: 8,
  /** Hosts of requests about which it is known what they are, of each question. More: all are looked at anew. */
  hostsKnownMax: 64,
  /** Host names that a server answers to, by its settings. More: the setting is refused. */
  allowedHostsMax: 100,
  /** Tokens that are kept, those that are over among them. More: 400, until one is revoked. */
  tokensMax: 1000,
  /** Characters of a token's name. Longer: 400. */
  tokenNameCharsMax: 100,
  /** Origins of one page key. More: 400. */
  tokenOriginsMax: 20,
  /** Tries to sign in from one address: at once, and one more after each so many seconds. More: 429 with Retry-After. */
  signInsAtOnce: 10,
  signInEveryS: 6,
  /** Characters of what is given as a token to sign in with. Longer: 400. */
  signInCharsMax: 1024,
  /** Sessions of one token that are in force. More: the one that was unused for the longest ends. */
  sessionsPerTokenMax: 100,
  /** Time without a request, and time in any case, after which a session of the dashboard is over, ms. */
  sessionIdleMs: 12 * 3_600_000,
  sessionMaxMs: 7 * 24 * 3_600_000,
  /** Characters of an Idempotency-Key. Longer: 400. */
  idempotencyKeyCharsMax: 255,
  /** Requests whose bodies are read or wait for the log at one time. More: 429 with Retry-After. */
  requestsInFlightMax: 1024,
  /** Bytes of bodies held for requests at one time, unpacked. More: 429 with Retry-After. */
  requestBytesInFlightMax: 256 * MIB,

  // The event loop
  /** Time that work in the background holds the event loop at a time, ms. Longer: it gives way to requests, and goes on afterwards. */
  turnMs: 2,
  /** Longest time that work which nobody waits for stands back at a time, ms: it has a tenth of the time at least, and does not fall behind. */
  standBackMs: 12,

  // Dead letters and late events
  /** Bytes of the raw line kept in a dead letter. Longer: cut, and marked as cut. */
  deadLetterRawBytesMax: 8 * KIB,
  /** Dead letters kept of one request or one source; what is beyond is counted alone, and the answer says so. */
  deadLettersPerSourceMax: 1000,
  /** Dead letters kept in all, and their age in days. The oldest go first. */
  deadLettersMax: 10_000,
  deadLettersKeepDays: 30,
  /**
   * Sources and requests with a key whose refused lines are counted, so that those which are sent again are not kept twice. Beyond: the
   * oldest are forgotten within a minute.
   */
  deadLetterSourcesMax: 100_000,
  /** Late events kept, and less than a page of 64 more: the oldest go first, page by page; the lake has them all. */
  lateEventsMax: 10_000,

  // Batches and the log
  /** Events in one log value: the decode of one stays under a millisecond. */
  batchEventsMax: 4096,
  /** Bytes of one encoded batch; a Deno KV value holds 64 KiB with its own overhead. */
  batchBytesMax: 60 * KIB,
  /** Bytes of encoded batches in one commit; a Deno KV commit holds 800 KiB. Beyond: several commits in order. */
  commitBytesMax: 700 * KIB,
  /**
   * How long live events that follow upon a commit wait for others to share the next one, ms, and how many do not wait. A commit costs as
   * much as a hundred events, and those that were just answered are about to send again; who sends alone does not wait.
   */
  lingerMs: 4,
  lingerEvents: 8192,
  /** Deno KV: mutations, checks and key bytes in one atomic commit (the stricter of the local and the shared one). */
  commitMutationsMax: 1000,
  commitChecksMax: 10,
  commitKeyBytesMax: 80 * KIB,
  /** Bytes of one Deno KV value. */
  kvValueBytesMax: 60 * KIB,
  /** Partitions of a data folder; fixed when it is made. */
  partitionsMax: 64,
  /** Bytes of decoded batches that the log keeps in memory for its readers. Older ones are read from the file. */
  logCacheBytesMax: 32 * MIB,
  /** Events that the slower reader may be behind before intake waits (replay) or answers 429 (HTTP). */
  readerLagEventsMax: 2_000_000,
  /** The log keeps what is behind a reader, and besides this much for recovery: hours, and bytes in all. */
  logKeepHours: 24,
  logKeepBytes: 2 * 1024 * MIB,

  // Identity
  /** Event ids remembered, and for how many hours of arrival. The oldest hours go first; `/health` tells the span covered. */
  eventIdsMax: 8_000_000,
  eventIdsKeepHours: 24,
  /** Idempotency keys remembered, and for how many hours. */
  idempotencyKeysMax: 1_000_000,
  idempotencyKeysKeepHours: 24,
  /** Replay sources remembered (kept for ever: a source is one file). Beyond: a new source is refused by `replay`. */
  sourcesMax: 100_000,

  // The engine
  /** Allowed lateness, ms of event time. */
  latenessMs: 10_000,
  /** How far ahead of its arrival a live event may push the watermark, ms. */
  liveAheadMs: 5_000,
  /** Silence of the live lane before a time mark, ms of the monotonic clock. */
  idleMs: 15_000,
  /** Sessions in one 30 s pane of one partition and lane. Beyond: those with the fewest clicks are forgotten, and counted as `evicted`. */
  paneSessionsMax: 262_144,
  /**
   * Sessions in such a pane where it begins more than five minutes after the clicks in it arrive, by their time stamps: thousands of panes may
   * be open for hours. Beyond: as with paneSessionsMax.
   */
  paneAheadSessionsMax: 128,
  /** Open 30 s panes of one partition and lane; only hostile time stamps need more. Beyond: the event is counted as `evicted`. */
  panesMax: 4096,
  /**
   * Sessions of one pane whose single clicks are followed one by one, and as many with 50 clicks or more, which are not forgotten; where
   * paneAheadSessionsMax holds, a sixteenth of that. Beyond: counted as `evicted`, and a window of theirs is not reported.
   */
  paneHotSessionsMax: 16_384,
  /** Bytes of tables of closed panes that one lane keeps for those to come. More: they are made anew. */
  paneReuseBytesMax: 16 * MIB,
  /** Words (ids that are not small integers) that the engine of one partition knows; unused ones are dropped beyond. */
  engineWordsMax: 262_144,
  /** Lanes with open windows in one partition. Beyond: a new replay is refused. */
  lanesMax: 64,
  /** Quiet time after which an open replay lane's clicks are kept beside the log, so that they do not hold all of it, ms. */
  parkAfterMs: 10 * 60_000,
  /** Clicks shown as evidence of an anomaly: the last ones of its window. */
  evidenceMax: 20,
  /** Distinct items counted exactly in a window; beyond, `unique_items_capped` is true. */
  uniqueItemsMax: 256,
  /** Anomalies kept; those with the oldest windows go first, and the counts still have them. */
  anomaliesMax: 1_000_000,
  /** Changes of anomalies in one commit: two to four kilobytes each. */
  anomaliesPerCommitMax: 160,

  /** Effects of the engine that wait to be stored: some kilobytes each. Beyond, by those of one batch at the most: it waits for storage. */
  effectsWaitingMax: 1024,

  // What people say of sessions
  /** Sessions that are called human or bot. Beyond: a new verdict is refused, for to forget an old one would change figures unseen. */
  feedbackMax: 100_000,
  /** Sessions in a blocklist: the newest ones. More: it is cut, and says so. */
  blocklistMax: 10_000,
  /** Hours that a blocklist looks back at the most. Above: 400. */
  blocklistHoursMax: 720,
  /** Anomalies looked at for one blocklist, the newest first: about two seconds. More: it is cut, and says so. */
  blocklistScanMax: 100_000,

  // The webhook
  /** Messages that wait to be sent, while the receiver does not take them. More: the oldest are dropped, counted and logged as errors. */
  webhookOutboxMax: 100_000,
  /** Messages that the receiver refused one by one, or failed at too often, tried beside the others. More: it is at fault, and all wait. */
  webhookAsideMax: 100,
  /** Time in which the receiver has to answer, ms. Longer: the try has failed. */
  webhookTimeoutMs: 15_000,
  /** Longest wait that a receiver may ask for with Retry-After, ms. More: this much. */
  webhookRetryAfterMaxMs: 24 * 3_600_000,

  // The lake
  /** Rows that the archiver gathers before it writes part files; fewer than a replay may be ahead, which would wait for them in vain. */
  partRowsMax: 500_000,
  /** Bytes of decoded batches that the archiver gathers before it writes part files, however few rows they are. */
  gatheredBytesMax: 96 * MIB,
  /** Part files of one flush. Event times spread over more hours end the flush at the last row that fits. */
  partsPerFlushMax: 512,
  /** Part files listed for one UTC day, across its hours and both tables. Beyond: the archiver waits for compaction. */
  partsPerDayMax: 10_000,
  /** Small files of one hour before they are compacted into one. */
  partsPerHourMax: 8,
  /** Rows of a file that compaction makes. An hour with more keeps several files. */
  compactedRowsMax: 8_000_000,
  /** How long an hour is left alone after its last append, and how long a replaced file stays for readers that still have it, ms. */
  compactAfterMs: 10 * 60_000,
  retiredKeepMs: 60 * 60_000,
  /** Between two rewrites of `tables.sql` while rows keep coming, ms: the file lists all parts. */
  tablesEveryMs: 10_000,
  /** Memory DuckDB may use, in MiB; beyond it spills into the data folder. Threads are few, as the machine is shared with the engine. */
  duckdbMemoryMib: 512,
  duckdbThreadsMax: 2,

  // Backups
  /** Looks for a moment at which one KV file does not change while the other is opened: nearly always one of the first. More: no backup. */
  momentTriesMax: 10_000,
  /** Files of the lake that a backup copies, or a restore puts back, at a time: while one is synced the next one is read. */
  backupFilesAtOnce: 4,
  /** Bytes of a KV file that a backup copies at a time, before it tells how far it is. */
  backupSliceBytes: 8 * MIB,
  /** Longest wait for files of the lake that another process holds still, ms. More: a job fails, and is tried again; a backup gives up. */
  holdWaitMs: 60_000,

  // Day jobs
  /**
   * Rows of `popular_items` by revenue, by clicks and by purchases each (up to three times as many in one result), of `categories` and of
   * `trending`. What ranks below is left out.
   */
  popularItemsMax: 100,
  categoriesMax: 20,
  trendingMax: 100,
  /** Pages of one result, all written in one commit. More: the job fails. */
  resultPagesMax: 8,
  /** Tries of a job before it has failed, and the wait between two, ms. */
  jobTriesMax: 4,
  jobRetryMs: 5 * 60_000,
  /** Least time between two runs of a day whose events or flagged sessions changed, ms. */
  jobStaleMs: 60 * 60_000,
  /** Finished tries kept in the record of runs. The oldest go first; the newest of each job and day stays besides. */
  runTriesMax: 2000,
  /** Local days, back from the newest one, that the scheduler looks at. Older ones are run by hand alone. */
  jobDaysMax: 3660,
  /** How long a holder of the lease that has died keeps others from running day jobs, ms. */
  jobLeaseMs: 60_000,
  /** Memory DuckDB may use for day jobs, in MiB; beyond it spills into the lake folder. */
  jobMemoryMib: 512,
  /**
   * Rows of a day whose sessions are counted in one pass, in 8 bytes each besides DuckDB's memory, and 16 for each session of the largest of
   * 256 parts. More: read again for each so many.
   */
  sessionRowsAtOnceMax: 33_554_432,
  /** Rows that are read ahead while sessions are counted: 16 MB, and as much again under way. One file that has more is read whole. */
  sessionRowsReadMax: 2_000_000,

  // Damage
  /** Damaged pieces of stored data that `/health` names. More: they are counted, and each has its line in the log of the process. */
  damageToldMax: 100,
  /** Damaged pieces that are counted and logged, each once. More: neither; `verify` names them all. */
  damageCountedMax: 10_000,
  /** Part files whose sums were found right, and how long that is believed while size and times of a file stay the same, ms. More, or longer: it is read again. */
  wholeFilesMax: 20_000,
  wholeBelievedMs: 60 * 60_000,
  /** Sums kept of one file of day jobs: its own and those of tries that ended before they had put theirs in place. More: the oldest goes. */
  resultSumsMax: 4,

  // Reading
  /** Rows in one page of a list, by default and at the most. Above: 400. */
  pageRowsDefault: 100,
  pageRowsMax: 1000,
  /** Events of one session in an answer, by default and at the most. Above: 400. */
  sessionEventsDefault: 1000,
  sessionEventsMax: 5000,
  /** Hours between the first and the last event asked for of a session. Above: 400. */
  sessionEventsHoursMax: 24 * 31,
  /** Part files read for the events of one session. More: 400, with the advice to ask for less time. */
  sessionEventsFilesMax: 2000,
  /** Requests for events of a session, and for a blocklist, that wait for the one being answered. More: 429 with Retry-After. */
  heavyReadsWaitingMax: 16,
  /** Exports of a folder that are being sent at one time: until then each has its file on the disk. More: 429 with Retry-After. */
  exportsSentMax: 8,
  /** Days in one answer on how the last days stand: each takes a look at its hours. Above: 400. */
  jobDaysShownMax: 100,
  /** Hours in one timeline. Above: 400. */
  timelineHoursMax: 24 * 31,
  /** Bytes of the built dashboard that are held in memory, with the packed copies of its files. More: it is not shown. */
  dashboardBytesMax: 32 * MIB,

  // The sample shop
  /** Days that it may be behind the clock to be gone on with; one that is further behind is deleted and made anew. */
  sampleBehindDaysMax: 7,
  /** Days after which it is deleted and made anew, so that its lake does not grow for ever. */
  sampleKeepDays: 21,
  /** What its log keeps for recovery, behind both readers: hours, and bytes in all. */
  sampleLogKeepHours: 1,
  sampleLogKeepBytes: 64 * MIB,

  // The live feed
  /** Clients of the live feed at one time. More: 429 with Retry-After. */
  liveClientsMax: 1000,
  /** Numbered updates kept for clients that come back, and their bytes. Older ones are gone: such a client is told to load anew. */
  liveRingUpdatesMax: 10_000,
  liveRingBytesMax: 16 * MIB,
  /** Updates without a number that wait for one client, and their bytes. More: it does not keep up, and is dropped. */
  liveQueueUpdatesMax: 256,
  liveQueueBytesMax: 1 * MIB,
  /** Silence towards a client of the feed before it gets a heartbeat, ms. */
  liveHeartbeatMs: 30_000,

  // Live figures
  /** Events of one partition, back from its end, that are read at start to know what goes on in the shop. */
  liveStartEventsMax: 500_000,
  /** Events of one partition that the reader of live figures may be behind. More: it goes on at the end, and tells what it skipped. */
  liveLagEventsMax: 1_000_000,
  /**
   * Live events that live figures look at in a second, and at once: what comes in comes first, and these take at most a tenth of one core.
   * More: whole batches are passed over, of which the rates of all traffic alone know, unless they were not even read; the figures say so.
   */
  livePerSecondEventsMax: 125_000,
  liveBurstEventsMax: 250_000,
  /** Cells of what a session did with an item in 10 seconds, 32 bytes each; sessions and items take as much at most. More: a shorter window. */
  liveCellsMax: 524_288,
  /** Ids that are no small integers; beyond, those that the window does not hold are dropped. */
  liveWordsMax: 262_144,
  /** Anomalies by which sessions are flagged in live figures. More: the oldest are forgotten, and their sessions count as people. */
  liveAnomaliesMax: 20_000,
  /** Sessions shown one by one in live figures. More: a sample of them. */
  liveSessionsShownMax: 300,

  // Replay
  /** Events that the slower reader may be behind a replay, all partitions together: it reads them from memory. More: the replay waits. */
  replayLagEventsMax: 750_000,
  /** Displacement that a replay mends with its reorder buffer, ms of event time; beyond it the file is sorted on disk. */
  reorderMs: 60_000,
  /** Rows in memory while a file is brought into order. */
  sortRowsMax: 524_288,
} as const;
