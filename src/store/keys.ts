// Every key of both KV files. Nothing else in the program spells a key.
// `log` holds appends alone; `state` holds what is derived or decided. Numbers in keys sort by value.

export const logKeys = {
  /** -> { format, partitions } */
  meta: () => ["meta"],
  /** One encoded batch. seq counts batches of the partition from 0. -> Uint8Array */
  batch: (partition: number, seq: number) => ["log", partition, seq],
  batches: (partition: number) => ["log", partition],
  /** -> { nextOffset, nextSeq, operation } */
  end: (partition: number) => ["end", partition],
  /** -> { firstOffset, firstSeq } */
  start: (partition: number) => ["start", partition],
  /** What was appended with a commit: idempotency keys. -> Uint8Array */
  note: (seq: number) => ["note", seq],
  notes: () => ["note"],
};

export const stateKeys = {
  meta: () => ["meta"],

  /** Bookmark of the engine in one partition. */
  engine: (partition: number) => ["engine", partition],
  /** Batches of a lane whose windows stay open while the log moves on. -> Uint8Array */
  parked: (partition: number, lane: string, page: number) => ["parked", partition, lane, page],
  parkedOf: (partition: number) => ["parked", partition],
  /** Number of the last effect of one partition that is stored: { offset, ordinal }. */
  effects: (partition: number) => ["effects", partition],

  anomaly: (windowStart: number, id: string) => ["anomaly", windowStart, id],
  anomalies: () => ["anomaly"],
  anomalyOfSession: (session: string, windowStart: number, id: string) => ["anomaly_session", session, windowStart, id],
  anomaliesOfSession: (session: string) => ["anomaly_session", session],
  anomalyByDetection: (detectedAt: number, id: string) => ["anomaly_detected", detectedAt, id],
  anomaliesByDetection: () => ["anomaly_detected"],
  /** Confirmed anomalies by type, and by hour of window start. */
  anomalyTypes: () => ["anomaly_types"],
  /** How many anomalies of any status are kept. */
  anomaliesKept: () => ["anomalies_kept"],
  anomalyHour: (hour: number) => ["anomaly_hour", hour],
  anomalyHours: () => ["anomaly_hour"],
  /** What a person said of a session: { verdict, at }. And how often that changed for an hour of window start: a number. */
  feedback: (session: string) => ["feedback", session],
  allFeedback: () => ["feedback"],
  feedbackHour: (hour: number) => ["feedback_hour", hour],
  feedbackHours: () => ["feedback_hour"],
  /** Next number of the live feed. */
  feed: () => ["feed"],
  /** What waits to be sent, by the feed's number of the change; and what became of all that was. */
  webhookMessage: (number: number) => ["webhook", number],
  webhookMessages: () => ["webhook"],
  webhookCounts: () => ["webhook_counts"],

  /** A page of late events, by arrival and offset of its first. -> LateEffect[] */
  lateEvent: (arrival: number, partition: number, offset: number) => ["late", arrival, partition, offset],
  lateEvents: () => ["late"],
  /** Offset of the last late event of a partition that was kept. */
  lateMark: (partition: number) => ["late_mark", partition],

  deadLetter: (seq: number) => ["dead", seq],
  deadLetters: () => ["dead"],
  /** How many dead letters a source has had, so that a retry does not write them twice. */
  deadLettersOf: (source: string) => ["dead_of", source],
  sourcesOfDeadLetters: () => ["dead_of"],
  deadLetterCounts: () => ["dead_counts"],

  /** Pages of event ids, and what they cover: { covered, firstPage, nextPage, seed }. */
  identityPage: (page: number) => ["identity", page],
  identityRoot: () => ["identity_root"],
  /** Rows of one source that are in the log, by partition. */
  source: (source: string) => ["source", source],
  sources: () => ["source"],
  /** Whether the end of a source is in the log. */
  sourceEnd: (source: string) => ["source_end", source],
  /** A replay's decisions that must not change until it is finished. */
  replay: (file: string) => ["replay", file],
  replays: () => ["replay"],

  /** The lake's manifest: a root that names one page a month, which names the pages of each UTC day. Pages never change. */
  manifestRoot: () => ["manifest"],
  manifestMonth: (month: string, page: string) => ["manifest_month", month, page],
  manifestMonths: () => ["manifest_month"],
  manifestPage: (dt: string, page: string) => ["manifest_page", dt, page],
  manifestPages: () => ["manifest_page"],
  /** What the archiver, and what compaction, is about to write. */
  intent: () => ["intent"],
  compactionIntent: () => ["compaction_intent"],
  /** Files that compaction replaced, by when it did. */
  retired: (at: number, number: number) => ["retired", at, number],
  allRetired: () => ["retired"],

  /** Results of day jobs: pages of rows, the first with what is told of all. dates are local days. */
  resultPage: (table: string, traffic: string, date: string, page: number) => ["result", table, traffic, date, page],
  resultPages: (table: string, traffic: string, date: string) => ["result", table, traffic, date],
  resultsOf: (table: string, traffic: string) => ["result", table, traffic],
  /** Sizes and sha-256 of a file of day jobs, the newest first, by its path within the lake folder. */
  resultSums: (file: string) => ["result_sums", file],
  allResultSums: () => ["result_sums"],
  /** The newest run of a job for a day; every finished try by its number; and the next number: { next }. */
  run: (date: string, job: string) => ["run", date, job],
  runsOf: (date: string) => ["run", date],
  runs: () => ["run"],
  runTry: (number: number) => ["run_try", number],
  runTries: () => ["run_try"],
  runNumber: () => ["run_number"],
  /** Somebody cleared the sample shop, and it is not made again: { at }. */
  sampleCleared: () => ["sample_cleared"],
  /** Tokens by the part of their text that is no secret; and when each was last used, ms since the epoch. */
  token: (prefix: string) => ["token", prefix],
  tokens: () => ["token"],
  tokenUse: (prefix: string) => ["token_use", prefix],
  tokenUses: () => ["token_use"],
  /** Who has signed in to the dashboard, by the hash of the cookie. */
  signIn: (hash: string) => ["sign_in", hash],
  signIns: () => ["sign_in"],
  /** Who runs day jobs now: { holder, until }. */
  jobLease: () => ["job_lease"],
};
