/**
 * `LogShape` says what a log is made of: events by aggregate, type and version of their schema, how it grew day by day,
 * its longest streams and its largest events, and how far snapshots are behind. One pass, page by page, so that a
 * service goes on beside it; what is kept of a page are sums, and the data of no event is read. It verifies nothing:
 * `verify` does.
 */
import { Effect } from "effect"
import * as EventLoop from "./EventLoop.ts"
import { EventStore, type LookupError } from "./EventStore.ts"

/** A sum over events that have all this in common. */
export interface Group {
  /** The stream's name before its first hyphen. */
  readonly prefix: string
  readonly type: string
  readonly schemaVersion: number
  /** In UTC, counted from 1970-01-01. */
  readonly day: number
  readonly events: number
  /** Bytes of their data, in UTF-8. */
  readonly bytes: number
}

export interface LargeEvent {
  readonly streamId: string
  readonly version: number
  readonly type: string
  readonly bytes: number
}

export interface LongStream {
  readonly streamId: string
  readonly version: number
}

/** What a part of the log is made of. */
export interface Part {
  readonly groups: ReadonlyArray<Group>
  /** The largest of its events, and the streams that come furthest in it, `most` of each. */
  readonly largest: ReadonlyArray<LargeEvent>
  readonly longest: ReadonlyArray<LongStream>
  /** Position of its last event, 0 where it has none. */
  readonly to: number
}

/** How far a stream has gone on since its newest snapshot. */
export interface SnapshotDistance extends LongStream {
  /** Version of the newest snapshot. */
  readonly snapshot: number
}

export interface Shape {
  readonly events: number
  readonly bytes: number
  /** Position of the last event that was counted. */
  readonly position: number
  /** By aggregate (as its streams begin), type and version, by name. */
  readonly types: ReadonlyArray<{
    readonly prefix: string
    readonly type: string
    readonly schemaVersion: number
    readonly events: number
    readonly bytes: number
  }>
  /** By day, `YYYY-MM-DD` in UTC, in their order. */
  readonly days: ReadonlyArray<{ readonly day: string; readonly events: number; readonly bytes: number }>
  readonly longest: ReadonlyArray<LongStream>
  readonly largest: ReadonlyArray<LargeEvent>
  readonly snapshots: {
    /** Streams that have one. */
    readonly streams: number
    /** Events after the newest snapshot, on the average of these streams. */
    readonly meanDistance: number
    readonly farthest: ReadonlyArray<SnapshotDistance>
  }
}

/** Events of one part: the process does nothing else while SQLite sums them. */
export const partSize = 5_000

/** Streams of one part of the snapshots. */
export const snapshotPart = 1_000

/** How many of the longest streams, largest events and so on are listed. */
export const top = 10

const dayOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10)

/** The greatest of both lists, by a number. */
const greatest = <A>(all: ReadonlyArray<A>, numberOf: (each: A) => number): ReadonlyArray<A> =>
  [...all].sort((left, right) => numberOf(right) - numberOf(left)).slice(0, top)

const add = <K, V extends { events: number; bytes: number }>(
  sums: Map<K, V>,
  key: K,
  { bytes, events }: Pick<Group, "bytes" | "events">,
  make: () => V
) => {
  const sum = sums.get(key) ?? make()
  sum.events += events
  sum.bytes += bytes
  sums.set(key, sum)
}

const compareText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** `onPart` is told how far it has come; `size` is of one part. */
export const read = Effect.fnUntraced(function* (
  onPart: (position: number) => void = () => {},
  size = partSize
): Effect.fn.Return<Shape, LookupError, EventStore> {
  const store = yield* EventStore
  const types = new Map<
    string,
    { prefix: string; type: string; schemaVersion: number; events: number; bytes: number }
  >()
  const days = new Map<number, { events: number; bytes: number }>()
  let longest: ReadonlyArray<LongStream> = []
  let largest: ReadonlyArray<LargeEvent> = []
  let position = 0
  const whole = { events: 0, bytes: 0 }
  for (;;) {
    const part = yield* store.shapeOf(position, size, top)
    if (part.to === 0) break
    for (const group of part.groups) {
      const { prefix, schemaVersion, type } = group
      const zero = { events: 0, bytes: 0 }
      add(types, `${prefix}\0${type}\0${schemaVersion}`, group, () => ({ prefix, type, schemaVersion, ...zero }))
      add(days, group.day, group, () => ({ ...zero }))
      whole.events += group.events
      whole.bytes += group.bytes
    }
    largest = greatest([...largest, ...part.largest], ({ bytes }) => bytes)
    const seen = new Set(part.longest.map(({ streamId }) => streamId))
    const others = longest.filter(({ streamId }) => !seen.has(streamId))
    longest = greatest([...others, ...part.longest], ({ version }) => version)
    position = part.to
    onPart(position)
    yield* EventLoop.turn
  }

  let streams = 0
  let distances = 0
  let farthest: ReadonlyArray<SnapshotDistance> = []
  for (let after = ""; ; ) {
    const part = yield* store.snapshotDistances(after, snapshotPart)
    for (const { snapshot, version } of part) distances += version - snapshot
    streams += part.length
    farthest = greatest([...farthest, ...part], ({ snapshot, version }) => version - snapshot)
    const last = part.at(-1)
    if (last === undefined || part.length < snapshotPart) break
    after = last.streamId
    yield* EventLoop.turn
  }
  return {
    ...whole,
    position,
    types: [...types.values()].sort(
      (left, right) =>
        compareText(left.prefix, right.prefix) ||
        compareText(left.type, right.type) ||
        left.schemaVersion - right.schemaVersion
    ),
    days: [...days].sort(([left], [right]) => left - right).map(([day, sums]) => ({ day: dayOf(day), ...sums })),
    longest,
    largest,
    snapshots: { streams, meanDistance: streams === 0 ? 0 : distances / streams, farthest }
  }
})
