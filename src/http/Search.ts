/**
 * `Search` finds what one text may mean: an aggregate by its id or its stream, a command by its id, a conversation by
 * its correlation id, a trace, an event by its position, an entry of the journal by its number (`#12`). All but
 * conversations and traces are look-ups. These two have no index, so a part of the journal is looked through, and the
 * answer says which.
 */
import { Effect } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as Journal from "../core/Journal.ts"
import * as StreamId from "../core/StreamId.ts"
import type { Application } from "../projection/Application.ts"
import type { Hit } from "./ConsoleViews.ts"
import * as Failures from "./Failures.ts"

/** Aggregates whose ids only begin so, and commands of a conversation, that are given. */
const maxAlike = 20
const maxCommands = 200
/** Entries of one look: some tenths of a second, beside which the service goes on. */
const maxEntries = 20_000

/** The trace of a `traceparent`, or of its id alone. */
const traceOf = (text: string): string | undefined =>
  /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(text)?.[1]

/** The aggregate of a stream, and its id in it. */
export const subjectOf = (app: Application, streamId: string | null) => {
  const part = streamId === null ? undefined : app.ofStream(streamId)
  return part === undefined || streamId === null
    ? { aggregate: null, id: null }
    : { aggregate: part.published.name, id: streamId.slice(StreamId.prefixOf(part.published.name).length) }
}

const timeOf = (millis: number): string => new Date(millis).toISOString()

const isCommand = (entry: Journal.JournalEntry) => entry.kind === "command"

export const make = (app: Application) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    // Each reads thousands of entries: one at a time.
    const one = yield* Effect.makeSemaphore(1)

    const ofEntry = (entry: Journal.JournalEntry): Hit => ({
      kind: "command",
      ...subjectOf(app, entry.streamId),
      streamId: entry.streamId ?? "",
      version: entry.version,
      commandId: entry.commandId ?? "",
      command: entry.command,
      outcome: entry.outcome ?? "success",
      sequence: entry.sequence,
      position: entry.position,
      events: entry.events,
      principal: entry.principal,
      correlationId: entry.correlationId ?? entry.commandId ?? "",
      recordedAt: timeOf(entry.recordedAt),
      intact: Journal.isIntact(entry)
    })

    /** Those whose id it is, and those whose ids begin so. */
    const aggregates = (text: string) =>
      Effect.gen(function* () {
        const exact: Array<Hit> = []
        const alike: Array<Hit> = []
        const beginnings = new Set([text, ...app.aggregates.map(({ definition }) => definition.streamId(text))])
        for (const prefix of beginnings) {
          if (!StreamId.isStreamId(prefix)) continue
          const { streams } = yield* store.listStreams({ prefix, limit: maxAlike + 1 })
          for (const { streamId, version } of streams) {
            const { aggregate, id } = subjectOf(app, streamId)
            if (aggregate === null || id === null) continue
            const isExact = streamId === prefix
            const found = isExact ? exact : alike
            found.push({ kind: "aggregate", aggregate, id, streamId, version, exact: isExact })
          }
        }
        return [...exact, ...alike.slice(0, maxAlike)]
      })

    const eventAt = (position: number) =>
      store.readAll(position - 1, 1).pipe(
        Effect.map(({ events: [event] }): ReadonlyArray<Hit> => {
          if (event?.position !== position) return []
          const { recordedAt, streamId, type, version } = event
          const where = { ...subjectOf(app, streamId), streamId, version, position }
          return [{ kind: "event", ...where, type, recordedAt: timeOf(recordedAt) }]
        }),
        Effect.catchTag("StreamDamaged", ({ position: at, streamId, version }) => {
          const where = { ...subjectOf(app, streamId), streamId, version, position: at }
          return Effect.succeed<ReadonlyArray<Hit>>(at === position ? [{ kind: "damaged", ...where }] : [])
        })
      )

    const entryAt = (sequence: number) =>
      Effect.map(store.readJournal(sequence - 1, 1), ({ entries: [entry] }) =>
        entry !== undefined && entry.sequence === sequence && isCommand(entry) ? [ofEntry(entry)] : []
      )

    /** The entries of a conversation or a trace between these two, both included. */
    const look = (text: string, from: number, to: number) =>
      Effect.gen(function* () {
        const trace = traceOf(text)
        const found: Array<Hit> = []
        let at = from - 1
        while (at < to && found.length < maxCommands) {
          const { entries } = yield* store.readJournal(at, Math.min(maxPage, to - at))
          for (const entry of entries) {
            at = entry.sequence
            const isOfTrace = trace !== undefined && entry.traceparent?.includes(trace) === true
            const isIn = entry.correlationId === text || entry.causationId === text || entry.commandId === text
            if (isCommand(entry) && (isOfTrace || isIn)) found.push(ofEntry(entry))
            if (found.length === maxCommands) break
          }
          if (entries.length === 0) break
          yield* EventLoop.turn
        }
        return found
      })

    const before = (text: string, end: number) =>
      Effect.gen(function* () {
        const from = Math.max(end - maxEntries + 1, 1)
        const hits = end < 1 ? [] : yield* look(text, from, end)
        return { q: text, hits, searched: end < 1 ? null : { from, to: end }, complete: from === 1 }
      })

    const all = (text: string) =>
      Effect.gen(function* () {
        const number = /^#?(\d{1,15})$/.exec(text)?.[1]
        const at = Number(number)
        const places =
          number === undefined || at === 0 ? [] : text.startsWith("#") ? yield* entryAt(at) : yield* eventAt(at)
        const known = (yield* Effect.catchTag(store.findDecided(text), "InvalidArgument", () =>
          Effect.succeed(undefined)
        ))?.entry
        const named = yield* aggregates(text)
        const first = known === undefined || !isCommand(known) ? undefined : known
        const { sequence: end } = yield* store.journalHead
        if (first !== undefined) {
          // What belongs to a conversation comes after the command that began it.
          const to = Math.min(first.sequence + maxEntries, end)
          const more = yield* look(text, first.sequence + 1, to)
          const searched = to > first.sequence ? { from: first.sequence + 1, to } : null
          return { q: text, hits: [ofEntry(first), ...more, ...named, ...places], searched, complete: to === end }
        }
        const hits = [...named, ...places]
        if (hits.length > 0 && traceOf(text) === undefined) return { q: text, hits, searched: null, complete: true }
        const found = yield* before(text, end)
        return { ...found, hits: [...hits, ...found.hits] }
      })

    return (text: string, until?: number) =>
      (until === undefined ? all(text) : before(text, until - 1)).pipe(
        Effect.mapError(Failures.ofReading),
        one.withPermits(1)
      )
  })
