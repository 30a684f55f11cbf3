/** What the tests of the relays share: a log of notes, a relay over it, and what arrived. */
import { Duration, Effect, Layer, Logger, Option } from "effect"
import { assert } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import type { StoreUnavailable } from "../../src/core/StoreError.ts"
import { CheckpointStore } from "../../src/projection/CheckpointStore.ts"
import { GenerationStore } from "../../src/projection/GenerationStore.ts"
import * as ProjectionConfig from "../../src/projection/ProjectionConfig.ts"
import type { Outlet } from "../../src/relay/Outlet.ts"
import * as Relay from "../../src/relay/Relay.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Notes from "../../src/testing/Notes.ts"

/** An application that knows no aggregate: events go as they are stored. */
const plain = { ofStream: () => undefined }

const limits = ProjectionConfig.layer({
  pollInterval: Duration.millis(50),
  minBackoff: Duration.millis(10),
  maxBackoff: Duration.millis(500)
})

export const store = (filename: string) => on(SqliteStore.layer({ filename }))

/** The same on another store. */
export const on = <A, E>(stores: Layer.Layer<A, E>) =>
  Layer.mergeAll(stores, limits, Logger.remove(Logger.defaultLogger))

/** Appends this many notes to each of this many streams, and returns the position of the last. */
export const write = (streams: number, each: number) =>
  Effect.gen(function* () {
    for (let stream = 0; stream < streams; stream++) {
      yield* Notes.note(`note-${stream}`, ...Array.from({ length: each }, (_, index) => `${index}`))
    }
    return yield* Effect.flatMap(EventStore, ({ lastPosition }) => lastPosition)
  })

const find = (name: string) =>
  Effect.gen(function* () {
    const row = Option.getOrUndefined(yield* (yield* GenerationStore).find(`relay:${name}`))
    const live = row?.live ?? undefined
    if (row === undefined || live === undefined) return undefined
    const letters = yield* (yield* CheckpointStore).deadLetters(live)
    return { ...row, live, letters }
  })

export type Row = NonNullable<Effect.Effect.Success<ReturnType<typeof find>>>

/** Waits until what the store says of the relay is so. */
export const until = (
  name: string,
  isSo: (row: Row) => boolean
): Effect.Effect<Row, StoreUnavailable, CheckpointStore | GenerationStore> =>
  Effect.flatMap(find(name), (row) =>
    row !== undefined && isSo(row) ? Effect.succeed(row) : Effect.delay(until(name, isSo), "20 millis")
  )

export const untilAt = (name: string, position: number) => until(name, ({ live }) => live.position >= position)

/** Runs it until the scope closes. */
export const run = (name: string, outlet: Outlet) =>
  Layer.build(Relay.layer(plain, Relay.make({ name, outlet, startFrom: "beginning" })))

/** A CloudEvent as it arrived. */
export interface Arrived {
  readonly id: string
  readonly subject: string
  readonly sequence: string
  readonly type: string
  readonly data: unknown
  readonly [attribute: string]: unknown
}

/** Each position of the log once, and those of a stream in their order. */
export const assertOnce = (arrived: ReadonlyArray<Arrived>, positions: ReadonlyArray<number>): void => {
  assert.deepStrictEqual(
    arrived.map(({ sequence }) => Number(sequence)).sort((left, right) => left - right),
    positions
  )
  assertOrdered(arrived)
}

/** The events of each stream in their order. */
export const assertOrdered = (arrived: ReadonlyArray<Arrived>): void => {
  const last = new Map<string, string>()
  for (const { sequence, subject } of arrived) {
    assert.isTrue((last.get(subject) ?? "") < sequence, `${subject}: ${sequence} after ${last.get(subject)}`)
    last.set(subject, sequence)
  }
}

export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
