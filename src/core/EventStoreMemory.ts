/**
 * The event store in arrays and maps, gone with the process. For tests, examples, and as the shortest description of
 * the port.
 */
import { Clock, Effect, Layer, PubSub, Stream } from "effect"
import * as AppendPlan from "./AppendPlan.ts"
import * as EventHash from "./EventHash.ts"
import {
  type Decided,
  type EventPage,
  EventStore,
  type JournalPage,
  maxDecided,
  maxPage,
  type StoredCommand,
  storedOf
} from "./EventStore.ts"
import * as Journal from "./Journal.ts"
import * as KeptPayload from "./KeptPayload.ts"
import * as Page from "./Page.ts"
import * as Platform from "./Platform.ts"
import * as RecordedAt from "./RecordedAt.ts"
import type { StoredEvent } from "./StoredEvent.ts"
import { CommandIdReused, InvalidArgument } from "./StoreError.ts"
import * as StreamId from "./StreamId.ts"

const pageOf = (events: ReadonlyArray<StoredEvent>, limit: number): EventPage => {
  const most = Page.fittingTexts(Math.min(events.length, limit), (index) => events[index]?.data ?? null)
  const { kept, more } = Page.cut(events, most)
  return { events: kept, more }
}

const entriesOf = (rows: ReadonlyArray<Journal.JournalEntry>, limit: number): JournalPage => {
  const most = Page.fittingTexts(Math.min(rows.length, limit), (index) => rows[index]?.answer ?? null)
  const { kept, more } = Page.cut(rows, most)
  return { entries: kept, more }
}

const make = Effect.fnUntraced(function* (maxClockLead: number) {
  const reportAhead = RecordedAt.reporter(maxClockLead)
  const log: Array<StoredEvent> = []
  const streams = new Map<StreamId.StreamId, Array<StoredEvent>>()
  const commands = new Map<string, StoredCommand>()
  const journal: Array<Journal.JournalEntry> = []
  const lastEntries = new Map<StreamId.StreamId, Journal.JournalEntry>()
  const logId = Platform.toHex(crypto.getRandomValues(new Uint8Array(16)))
  let epoch = 1
  const commits = yield* PubSub.sliding<void>(1)

  const end = (): Journal.JournalEnd & RecordedAt.Timed =>
    journal.at(-1) ?? { sequence: 0, hash: Journal.genesis(logId), recordedAt: 0 }
  const write = (entry: Journal.JournalEntry) => {
    journal.push(Object.freeze(entry))
    if (entry.streamId !== null) lastEntries.set(entry.streamId, entry)
  }

  const payloads = new Map<number, string>()
  const decidedOf = (entry: Journal.JournalEntry): Decided => ({ entry, payload: payloads.get(entry.sequence) ?? null })
  const operations = new Map<string, Journal.JournalEntry>()
  /** One operation at a time: its key is looked up before its work, which may wait. */
  const operating = yield* Effect.makeSemaphore(1)
  const operate: EventStore["Type"]["operate"] = (operation, work) =>
    Effect.gen(function* () {
      const wrong = Journal.wrongOperation(operation)
      if (wrong !== undefined) return yield* wrong
      const { key = null } = operation
      const before = key === null ? undefined : operations.get(key)
      if (before !== undefined && Journal.isOfOperation(before, operation)) return { entry: before, replayed: true }
      if (key !== null && (before !== undefined || commands.has(key))) {
        return yield* new CommandIdReused({ commandId: key })
      }
      const detail = yield* work
      const now = yield* Clock.currentTimeMillis
      const last = end()
      const { hash = EventHash.genesis, position = 0 } = log.at(-1) ?? {}
      const recordedAt = RecordedAt.next(last.recordedAt, now, maxClockLead)
      const state = { end: last, epoch, position, eventHash: hash, recordedAt }
      const entry = Journal.ofOperation(operation, state, detail)
      write(entry)
      if (entry.kind === "epoch") epoch = entry.version
      if (key !== null) operations.set(key, entry)
      yield* reportAhead(last, now)
      return { entry, replayed: false }
    }).pipe(operating.withPermits(1))

  return EventStore.of({
    append: Effect.fnUntraced(function* (requests) {
      const misfits = AppendPlan.check(requests)
      if (misfits instanceof InvalidArgument) return yield* misfits
      const now = yield* Clock.currentTimeMillis

      // From here to the last write nothing yields except to fail: for every other fiber the check and the write are
      // one step.
      const last = end()
      const {
        entries,
        events,
        payloads: kept,
        result
      } = AppendPlan.plan(requests, misfits, {
        head: (streamId) => streams.get(streamId)?.at(-1) ?? AppendPlan.noHead,
        command: (commandId) => commands.get(commandId) ?? (operations.has(commandId) ? "operation" : undefined),
        lastPosition: log.length,
        end: last,
        recordedAt: RecordedAt.next(last.recordedAt, now, maxClockLead)
      })
      for (const row of events) {
        // Frozen, since readers get these very rows.
        const event = Object.freeze(row)
        log.push(event)
        const stream = streams.get(event.streamId)
        if (stream === undefined) streams.set(event.streamId, [event])
        else stream.push(event)
      }
      for (const entry of entries) write(entry)
      for (const { sequence, text } of kept) payloads.set(sequence, text)
      for (const command of storedOf(result)) commands.set(command.commandId, Object.freeze(command))
      if (events.length > 0) yield* commits.publish()
      if (entries.length > 0) yield* reportAhead(last, now)
      return result
    }),
    record: (operation) => Effect.map(operate(operation, Effect.succeed(operation.detail)), ({ entry }) => entry),
    operate,
    readOperations: (after, limit = maxPage) =>
      Effect.suspend(
        () =>
          Page.wrongLogBounds(after, limit) ??
          Effect.succeed(
            entriesOf(
              journal.slice(after).filter(({ kind }) => kind !== "command"),
              limit
            )
          )
      ),
    maxClockLead,
    readStream: (streamId, options) =>
      Effect.map(Page.streamBounds(options), ({ from, to, limit, backwards }) => {
        const all = streams.get(streamId) ?? []
        const [first, end] = [Math.max(from - 1, 0), Math.min(to, all.length)]
        const events = backwards
          ? all.slice(Math.max(first, end - limit - 1), end).reverse()
          : all.slice(first, Math.min(end, first + limit + 1))
        return pageOf(events, limit)
      }),
    readAll: (after, limit = maxPage) =>
      Effect.suspend(
        () => Page.wrongLogBounds(after, limit) ?? Effect.succeed(pageOf(log.slice(after, after + limit + 1), limit))
      ),
    head: (streamId) =>
      Effect.sync(() => {
        const { hash, position, version } = streams.get(streamId)?.at(-1) ?? AppendPlan.noHead
        return { version, position, hash }
      }),
    // Nothing in it can be damaged: its events are what was appended, frozen.
    vouches: () => Effect.succeed(false),
    listStreams: (options) =>
      Effect.map(Page.listBounds(options), ({ prefix, after, limit }) => {
        const found = [...streams]
          .filter(([streamId]) => streamId.startsWith(prefix) && StreamId.compare(streamId, after) > 0)
          .sort(([left], [right]) => StreamId.compare(left, right))
        const { kept, more } = Page.cut(found, limit)
        return { streams: kept.map(([streamId, events]) => ({ streamId, version: events.length })), more }
      }),
    readJournal: (after, limit = maxPage) =>
      Effect.suspend((): Effect.Effect<JournalPage, InvalidArgument> => {
        const page = entriesOf(journal.slice(after, after + limit + 1), limit)
        return Page.wrongLogBounds(after, limit) ?? Effect.succeed(page)
      }),
    findDecided: (commandId) =>
      Effect.sync(() => {
        const entry = journal.find((each) => each.commandId === commandId)
        return entry === undefined ? undefined : decidedOf(entry)
      }),
    readDecided: (streamId, after, limit = maxDecided) =>
      Effect.sync(() => {
        const own = journal.slice(Math.max(after, 0)).filter((entry) => entry.streamId === streamId)
        const { kept, more } = Page.cut(own, Math.min(limit, maxDecided))
        return { decided: kept.map(decidedOf), more }
      }),
    removePayloads: (before, most) =>
      Effect.suspend(() => {
        const old = [...payloads.keys()].filter((sequence) => (journal[sequence - 1]?.recordedAt ?? before) < before)
        const removed = old.slice(0, most)
        if (removed.length === 0) return Effect.succeed(0)
        const operation = KeptPayload.removal(before, removed.length)
        const work = Effect.sync(() => {
          for (const sequence of removed) payloads.delete(sequence)
          return operation.detail
        })
        return Effect.as(operate(operation, work), removed.length)
      }),
    shapeOf: (after, most, top) =>
      Effect.sync(() => {
        const part = log.slice(after, after + most)
        const sized = part.map((event) => ({ event, bytes: Platform.byteLength(event.data) }))
        const ends = new Map(part.map(({ streamId, version }) => [streamId, version]))
        return {
          groups: sized.map(({ bytes, event: { recordedAt, schemaVersion, streamId, type } }) => ({
            prefix: streamId.split("-", 1)[0] ?? "",
            type,
            schemaVersion,
            day: Math.floor(recordedAt / 86_400_000),
            events: 1,
            bytes
          })),
          largest: sized
            .sort((left, right) => right.bytes - left.bytes)
            .slice(0, top)
            .map(({ bytes, event: { streamId, type, version } }) => ({ streamId, version, type, bytes })),
          longest: [...ends]
            .sort(([, left], [, right]) => right - left)
            .slice(0, top)
            .map(([streamId, version]) => ({ streamId, version })),
          to: part.at(-1)?.position ?? 0
        }
      }),
    // Snapshots are another store's.
    snapshotDistances: () => Effect.succeed([]),
    lastEntry: (streamId) => Effect.sync(() => lastEntries.get(streamId)),
    identity: Effect.sync(() => ({ logId, epoch })),
    journalHead: Effect.sync(() => {
      const { hash, recordedAt, sequence } = end()
      return { logId, epoch, sequence, position: log.length, hash, recordedAt }
    }),
    lastPosition: Effect.sync(() => log.length),
    writtenEnd: Effect.sync(() => log.length),
    commits: Stream.fromPubSub(commits)
  })
})

/** The same with another bound on how far the clock may be ahead. */
export const layerWith = (options: RecordedAt.ClockOptions): Layer.Layer<EventStore> =>
  Layer.effect(EventStore, make(RecordedAt.maxClockLeadOf(options)))

/** Events and journal in memory, gone with the process: for tests and examples. */
export const layer: Layer.Layer<EventStore> = layerWith({})
