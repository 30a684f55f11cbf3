/**
 * `ProjectionSpec` tests a projection by its rows: events are applied in every cut into batches, and each cut must come
 * to them. A projection that keeps something from one batch to the next, or looks at where a batch ends, shows.
 *
 *     const DaysSpec = ProjectionSpec.make(depositsByDay, SqliteStore.layer({ filename: ":memory:" }))
 *     DaysSpec.given(deposited("1"), deposited("2")).gives({ deposits_by_day: [["1994-01-01", "300", 2]] })
 *
 * Each check is an effect that dies with an `AssertionError`.
 */
import { deepStrictEqual } from "node:assert"
import { Effect, Either, type Layer } from "effect"
import * as EventHash from "../core/EventHash.ts"
import type { Recorded } from "../core/Recorded.ts"
import { StreamId } from "../core/StreamId.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Checkpoint } from "../projection/Model.ts"
import type { Projection } from "../projection/Projection.ts"
import { ApplyFailed } from "../projection/ProjectionError.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import type { Tables } from "../projection/TableNames.ts"

/** Most events of one spec: they are cut in 2 to the power of one less ways, and each is applied. */
export const maxEvents = 10

/** An event with what is recorded of it. Default: of the stream `spec-1`, recorded at 0. */
export interface Given<E> {
  readonly event: E
  readonly streamId?: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly recordedAt?: number
}

/** The rows of a table as arrays of values, in the order of its columns; in any order among themselves. */
export type Rows<T extends string> = Readonly<Record<T, ReadonlyArray<ReadonlyArray<unknown>>>>

export interface Spec<E, T extends string> {
  /** These events, in the order of the log. */
  readonly given: (...events: ReadonlyArray<Given<E>>) => {
    /** Every cut of them into batches gives exactly these rows. */
    readonly gives: (rows: Rows<T>) => Effect.Effect<void>
  }
  /** The tables of two generations, and their indexes, can be there at once, as during a rebuild. */
  readonly createsTwice: Effect.Effect<void>
}

const record = <E extends { readonly _tag: string }>(events: ReadonlyArray<Given<E>>): ReadonlyArray<Recorded<E>> => {
  const heads = new Map<string, { readonly version: number; readonly hash: string }>()
  return events.map(({ event, recordedAt = 0, streamId = "spec-1" }, index) => {
    const { hash: previousHash, version } = heads.get(streamId) ?? { hash: EventHash.genesis, version: 0 }
    const fields = {
      type: event._tag,
      schemaVersion: 1,
      data: "{}",
      streamId: StreamId.make(streamId),
      version: version + 1,
      position: index + 1,
      commandId: `command ${index + 1}`,
      correlationId: `command ${index + 1}`,
      causationId: null,
      traceparent: null,
      recordedAt,
      previousHash
    }
    const stored = { ...fields, hash: EventHash.compute(fields), sequence: index + 1, principal: null }
    heads.set(streamId, stored)
    return { event, stored }
  })
}

/** Every way to cut this many into batches, as their sizes. A bit for each place between two of them. */
const cuts = (count: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: count === 0 ? 1 : 2 ** (count - 1) }, (_, bits) => {
    const sizes: Array<number> = []
    for (let index = 0; index < count; index++) {
      const isCut = index === 0 || ((bits >> (index - 1)) & 1) === 1
      if (isCut) sizes.push(1)
      else sizes[sizes.length - 1] = (sizes.at(-1) ?? 0) + 1
    }
    return sizes
  })

const sorted = (rows: ReadonlyArray<ReadonlyArray<unknown>>): ReadonlyArray<ReadonlyArray<unknown>> => {
  const keyed = rows.map((row) => [JSON.stringify(row.map(String)), row] as const)
  return keyed.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0)).map(([, row]) => row)
}

/** `stores` is where it is to run: a new one for each check. */
export const make = <E extends { readonly _tag: string }, T extends string, X>(
  projection: Projection<E, T>,
  stores: Layer.Layer<ProjectionStore, X>
): Spec<E, T> => {
  const begin = Effect.gen(function* () {
    const generations = yield* GenerationStore
    yield* generations.register(projection.name, "projection")
    return yield* generations.beginShadow(projection)
  })

  const applied = Effect.fnUntraced(function* (events: ReadonlyArray<Recorded<E>>, sizes: ReadonlyArray<number>) {
    const checkpoints = yield* CheckpointStore
    const models = yield* ReadModels
    const generation = yield* begin
    const tables = generation.tables as Tables<T>
    let at: Checkpoint = generation
    let from = 0
    for (const size of sizes) {
      const batch = events.slice(from, from + size)
      const change = Effect.mapError(
        Effect.suspend(() => projection.apply(batch, tables)),
        (cause) => new ApplyFailed({ projection: projection.name, cause })
      )
      from += size
      yield* checkpoints.advance(at, { to: from, events: size, rate: 0 }, change)
      at = { ...at, position: from }
    }
    const names = projection.tables as ReadonlyArray<T>
    const found = yield* Effect.forEach(names, (name) =>
      Effect.map(models.query(`SELECT * FROM ${tables[name]}`, []), (rows) => [name, sorted(rows)] as const)
    )
    return Object.fromEntries(found)
  })

  const check = <A>(run: Effect.Effect<A, unknown, ProjectionStore>): Effect.Effect<A> =>
    Effect.orDie(Effect.scoped(Effect.provide(run, stores)))

  return {
    given: (...events) => ({
      gives: (rows) =>
        check(
          Effect.gen(function* () {
            if (events.length > maxEvents) {
              return yield* Effect.dieMessage(
                `a spec takes at most ${maxEvents} events, and was given ${events.length}`
              )
            }
            // As what runs it does.
            projection.selection.check()
            const recorded = record(events)
            const names = projection.tables as ReadonlyArray<T>
            const expected = Object.fromEntries(names.map((name) => [name, sorted(rows[name])]))
            for (const sizes of cuts(events.length)) {
              const found = yield* Effect.either(applied(recorded, sizes))
              const cut = `in batches of ${sizes.join(", ") || "none"}`
              if (Either.isLeft(found)) {
                const error = found.left instanceof ApplyFailed ? found.left.cause : found.left
                return yield* Effect.die(new Error(`${projection.name} failed ${cut}`, { cause: error }))
              }
              deepStrictEqual({ cut, rows: found.right }, { cut, rows: expected })
            }
          })
        )
    }),
    createsTwice: check(
      Effect.gen(function* () {
        const generations = yield* GenerationStore
        yield* generations.swap(yield* begin, null)
        yield* begin
      })
    )
  }
}
