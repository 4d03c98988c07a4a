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

  /** Position and counters of the engine in one partition. */
  engine: (partition: number) => ["engine", partition],
  /** Windows of one lane: oldest offset needed, watermark. */
  bookmark: (partition: number, lane: string) => ["bookmark", partition, lane],
  bookmarks: (partition: number) => ["bookmark", partition],
  /** Last effect committed of one partition. */
  effects: (partition: number) => ["effects", partition],

  anomaly: (windowStart: number, id: string) => ["anomaly", windowStart, id],
  anomalies: () => ["anomaly"],
  anomalyOfSession: (session: string, windowStart: number, id: string) => ["anomaly_session", session, windowStart, id],
  anomaliesOfSession: (session: string) => ["anomaly_session", session],
  /** Confirmed anomalies by type, and by hour of window start. */
  anomalyTypes: () => ["anomaly_types"],
  anomalyHour: (hour: number) => ["anomaly_hour", hour],
  anomalyHours: () => ["anomaly_hour"],
  /** Next number of the live feed. */
  feed: () => ["feed"],

  lateEvent: (partition: number, offset: number) => ["late", partition, offset],
  lateEvents: () => ["late"],

  deadLetter: (seq: number) => ["dead", seq],
  deadLetters: () => ["dead"],
  /** Dead letters that a source has had, so that a retry does not write them twice. */
  deadLettersOf: (source: string) => ["dead_of", source],
  deadLetterCounts: () => ["dead_counts"],

  /** Pages of event ids, and what they cover. */
  identityPage: (page: number) => ["identity", page],
  identityPages: () => ["identity"],
  identityRoot: () => ["identity_root"],
  /** High-water mark of rows of one source, by partition. */
  source: (source: string) => ["source", source],
  sources: () => ["source"],
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
};
