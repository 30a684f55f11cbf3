/**
 * `EventFixtures` are events as earlier releases stored them, kept in files that are added to and never edited, with
 * what they must read as today. `assertLocked` is the one line that holds an aggregate to its lock and its fixtures.
 */
import { deepStrictEqual, fail } from "node:assert"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, Schema } from "effect"
import * as ContractLock from "../core/ContractLock.ts"
import type { EventCodec } from "../core/EventCodec.ts"
import * as EventHash from "../core/EventHash.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { StreamId } from "../core/StreamId.ts"

/** One file: what was stored, and the events that it is today, in their encoded form. */
export const EventFixture = Schema.Struct({
  aggregate: Schema.String,
  /** Which release stored it, and what is remarkable about it. */
  story: Schema.String,
  stored: Schema.Array(
    Schema.Struct({ type: Schema.String, schemaVersion: Schema.Int, data: Schema.Unknown, recordedAt: Schema.Int })
  ),
  current: Schema.Array(Schema.Unknown)
})
export type EventFixture = typeof EventFixture.Type

/** The rows of a fixture as they would stand in a store: a stream of their own, hashes chained. */
export const rows = (
  fixture: EventFixture,
  streamId: StreamId = StreamId.make("fixture-1")
): ReadonlyArray<StoredEvent> => {
  let previousHash = EventHash.genesis
  return fixture.stored.map(({ data, recordedAt, schemaVersion, type }, index) => {
    const event = {
      streamId,
      version: index + 1,
      position: index + 1,
      type,
      schemaVersion,
      data: JSON.stringify(data),
      commandId: `fixture-${index + 1}`,
      correlationId: `fixture-${index + 1}`,
      causationId: null,
      traceparent: null,
      recordedAt,
      previousHash
    }
    const hash = EventHash.compute(event)
    previousHash = hash
    return { ...event, hash, sequence: event.version, principal: null }
  })
}

/** The fixtures of a folder, by file name; none where there is no folder. */
export const read = (folder: string): ReadonlyMap<string, EventFixture> =>
  new Map(
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((file) => file.endsWith(".json"))
      .map((file) => {
        const json: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"))
        return [file, Schema.decodeUnknownSync(EventFixture)(json)] as const
      })
  )

/** An event of today as a fixture writes it. */
export const encode = <E extends { readonly _tag: string }>(codec: EventCodec<E>, event: E): unknown => {
  const { data, schemaVersion, type } = Either.getOrThrow(codec.encode(event))
  return { type, schemaVersion, data: JSON.parse(data) as unknown }
}

interface Declared {
  readonly aggregate: string
  // biome-ignore lint/suspicious/noExplicitAny: a fixture is of any aggregate.
  readonly codec: EventCodec<any>
}

/** Dies unless each fixture of the aggregate reads as its file says. */
export const assertReadable = (aggregate: Declared, folder: string): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const [file, fixture] of read(folder)) {
      if (fixture.aggregate !== aggregate.aggregate) continue
      const events = rows(fixture).flatMap((row) =>
        Either.getOrThrowWith(aggregate.codec.decode(row), (error) => new Error(`${file}: ${error.message}`))
      )
      deepStrictEqual(
        events.map((event) => encode(aggregate.codec, event)),
        fixture.current,
        `${file} reads as other events than it says`
      )
    }
  })

/**
 * Dies unless the aggregate is what its lock file says, and reads its fixtures: `yield* assertLocked(Account,
 * "events.lock.json")`.
 */
export const assertLocked = (
  aggregate: Declared & ContractLock.Locked,
  lockFile: string,
  fixtures?: string
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const lock = ContractLock.fromText(readFileSync(lockFile, "utf8")).find(
      (one) => one.aggregate === aggregate.aggregate
    )
    const { broken, missing } = ContractLock.compare(lock, aggregate)
    if (broken.length > 0) fail(broken.join("\n"))
    if (missing.length > 0) fail(`${missing.join("\n")}\nrun daybook schema to lock them`)
    if (fixtures !== undefined) yield* assertReadable(aggregate, fixtures)
  })
