/**
 * `JournalCheck` reads a journal and the events of its log side by side and says where they are not what was stored: an
 * entry that does not match its hash, or does not follow the entry before it in sequence or time; an event without its
 * entry; an entry without its events; and a log that does not extend a head that was noted before.
 *
 * Memory holds one page of each. Whether an event matches its own hash and its stream's chain, `onEvent` checks.
 */
import { Effect } from "effect"
import * as EventLoop from "./EventLoop.ts"
import * as Journal from "./Journal.ts"
import * as RecordedAt from "./RecordedAt.ts"
import type { StoredEvent } from "./StoredEvent.ts"

export interface Problem {
  /** `journal` for the journal itself, `log` for what names the log. */
  readonly streamId: string
  readonly version: number
  /** Sequence of the entry, where it is about one. */
  readonly sequence: number | null
  readonly problem: string
}

export interface Options<E, R> {
  readonly identity: Journal.LogIdentity
  /** One page of entries above a sequence, of events above a position, in their order; an empty one at the end. */
  readonly readEntries: (after: number) => Effect.Effect<ReadonlyArray<Journal.JournalEntry>, E, R>
  readonly readEvents: (after: number) => Effect.Effect<ReadonlyArray<StoredEvent>, E, R>
  readonly onEvent: (event: StoredEvent) => void
  /** Called before its events. */
  readonly onEntry?: (entry: Journal.JournalEntry) => void
  readonly found: (problem: Problem) => void
  /** The store's bound: see `RecordedAt.ts`. */
  readonly maxClockLead: number
  /** A head that was noted before. */
  readonly against?: Journal.JournalHead | undefined
}

const ofEntry = (entry: Journal.JournalEntry, problem: string): Problem => ({
  streamId: entry.streamId ?? "journal",
  version: entry.version,
  sequence: entry.sequence,
  problem: `entry ${entry.sequence} of the journal: ${problem}`
})
const ofEvent = ({ sequence, streamId, version }: StoredEvent, problem: string): Problem => ({
  streamId,
  version,
  sequence,
  problem
})
const ofLog = (sequence: number | null, problem: string): Problem => ({
  streamId: "log",
  version: 0,
  sequence,
  problem
})

/** Why the log is not the one of the head, by its identity alone. */
const otherLog = (
  { epoch, logId }: Journal.LogIdentity,
  against: Journal.JournalHead | undefined
): Problem | undefined => {
  if (against === undefined) return undefined
  if (logId !== against.logId) return ofLog(1, `it is log ${logId}, not ${against.logId}: they part at entry 1`)
  return epoch < against.epoch
    ? ofLog(against.sequence, `its epoch is ${epoch}, before ${against.epoch} of the noted head`)
    : undefined
}

/** What differs between the noted head and the log where it had come as far. */
const otherHead = (
  against: Journal.JournalHead,
  here: Pick<Journal.JournalHead, "sequence" | "hash" | "position" | "recordedAt">
): Problem | undefined => {
  const { sequence } = against
  if (here.sequence < sequence) {
    return ofLog(here.sequence + 1, `it ends at entry ${here.sequence}, before entry ${sequence} of the noted head`)
  }
  return here.hash === against.hash && here.position === against.position && here.recordedAt === against.recordedAt
    ? undefined
    : ofLog(sequence, `entry ${sequence} is not the one of the noted head: they part there or before`)
}

/** Returns how many entries and events were read. */
export const run = Effect.fnUntraced(function* <E, R>(options: Options<E, R>) {
  const { against, found, identity, maxClockLead, onEntry, onEvent, readEntries, readEvents } = options
  const count = { entries: 0, events: 0 }
  let page: ReadonlyArray<StoredEvent> = []
  let taken = 0
  let position = 0
  const peek = Effect.gen(function* () {
    if (taken === page.length) {
      page = yield* readEvents(position)
      taken = 0
      yield* EventLoop.turn
    }
    return page[taken]
  })
  const take = (event: StoredEvent) => {
    taken++
    count.events++
    position = event.position
    onEvent(event)
  }

  /** The events of an entry, and those before them whose own entry is not there. */
  const takeOwn = Effect.fnUntraced(function* (entry: Journal.JournalEntry) {
    let own = 0
    let last = 0
    for (let event = page[taken] ?? (yield* peek); event !== undefined; event = page[taken] ?? (yield* peek)) {
      const isOwn = event.sequence === entry.sequence
      if (!isOwn && (event.sequence > entry.sequence ? entry.events === 0 || event.position > entry.position : false))
        break
      take(event)
      if (!isOwn) found(ofEvent(event, "its entry is not where it stands in the log"))
      else {
        own++
        last = event.position
        if (event.streamId !== entry.streamId || event.version !== entry.version - entry.events + own) {
          found(ofEvent(event, `it is not the event of its entry, ${entry.sequence}`))
        }
        // Along the journal and not along the events: an entry without any may be what was ahead of the clock.
        if (event.recordedAt !== entry.recordedAt) {
          found(ofEvent(event, `it was not recorded at the time of its entry, ${entry.sequence}`))
        }
      }
    }
    if (own < entry.events) found(ofEntry(entry, `${entry.events - own} of its ${entry.events} events are missing`))
    else if (own > entry.events) found(ofEntry(entry, `it has ${own} events instead of ${entry.events}`))
    else if (own > 0 && last !== entry.position) found(ofEntry(entry, "it does not end where its last event does"))
  })

  const wrongLog = otherLog(identity, against)
  if (wrongLog !== undefined) found(wrongLog)
  let end: Journal.JournalEnd & { readonly recordedAt: number } = {
    sequence: 0,
    hash: Journal.genesis(identity.logId),
    recordedAt: 0
  }
  let epoch = 1
  const compare = () => {
    if (wrongLog !== undefined || against?.sequence !== end.sequence) return
    const wrong = otherHead(against, { ...end, position })
    if (wrong !== undefined) found(wrong)
  }
  compare()
  for (;;) {
    const entries: ReadonlyArray<Journal.JournalEntry> = yield* readEntries(end.sequence)
    if (entries.length === 0) break
    for (const entry of entries) {
      const damaged = Journal.damage(end, entry)
      if (damaged !== undefined) found(ofEntry(entry, damaged))
      if (RecordedAt.isBefore(entry.recordedAt, end.recordedAt, maxClockLead)) {
        found(ofEntry(entry, "it was recorded before the entry before it"))
      }
      if (entry.kind === "epoch" && entry.version !== ++epoch) found(ofEntry(entry, "it is not of the next epoch"))
      onEntry?.(entry)
      yield* takeOwn(entry)
      end = entry
      count.entries++
      compare()
    }
    yield* EventLoop.turn
  }
  for (let event = yield* peek; event !== undefined; event = yield* peek) {
    take(event)
    found(ofEvent(event, "its entry is missing"))
  }
  if (epoch !== identity.epoch) found(ofLog(null, `its epoch is ${identity.epoch}, and its journal's ${epoch}`))
  if (against !== undefined && wrongLog === undefined && end.sequence < against.sequence) {
    const wrong = otherHead(against, { ...end, position })
    if (wrong !== undefined) found(wrong)
  }
  return count
})
