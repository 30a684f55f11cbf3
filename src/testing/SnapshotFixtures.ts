/**
 * `SnapshotFixtures` are snapshots as earlier releases made them, beside the events they were made of, kept in files
 * that are added to and never edited. Where the events give another state today and the snapshot would still be used,
 * `evolve` was changed and `snapshot.version` was not.
 */
import { fail } from "node:assert"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Either, Schema } from "effect"
import type { Definition } from "../core/Definition.ts"
import * as HeldValue from "../core/HeldValue.ts"
import * as Replay from "../core/Replay.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as EventFixtures from "./EventFixtures.ts"

/** One file. */
export const SnapshotFixture = Schema.Struct({
  aggregate: Schema.String,
  /** Which release made it, and what is remarkable about it. */
  story: Schema.String,
  stored: EventFixtures.EventFixture.fields.stored,
  snapshot: Schema.Struct({
    /** The version of the stream that it is of. */
    version: Schema.Int,
    fingerprint: Schema.String,
    data: Schema.Unknown
  })
})
export type SnapshotFixture = typeof SnapshotFixture.Type

type Tagged = { readonly _tag: string }

const fold = <S, E extends Tagged>(definition: Definition<S, E>, events: ReadonlyArray<StoredEvent>): S =>
  Either.getOrThrow(Replay.fold(definition, Replay.initial(definition), events)).state

/** What a file holds of these events, as this release stores them. Throws where they or the state cannot be stored. */
export const record = <S, E extends Tagged>(
  definition: Definition<S, E>,
  events: ReadonlyArray<E>,
  story: string
): SnapshotFixture => {
  const { codec, name, snapshot } = definition
  const stored = events.map((event) => {
    const { data, schemaVersion, type } = Either.getOrThrow(codec.encode(event))
    return { type, schemaVersion, data: JSON.parse(data) as unknown, recordedAt: 0 }
  })
  const state = fold(definition, EventFixtures.rows({ aggregate: name, story, stored, current: [] }))
  const data: unknown = JSON.parse(snapshot.encode(state))
  return {
    aggregate: name,
    story,
    stored,
    snapshot: { version: stored.length, fingerprint: snapshot.fingerprint, data }
  }
}

/** The fixtures of a folder, by file name; none where there is no folder. */
export const read = (folder: string): ReadonlyMap<string, SnapshotFixture> =>
  new Map(
    (existsSync(folder) ? readdirSync(folder) : [])
      .filter((file) => file.endsWith(".json"))
      .map((file) => {
        const json: unknown = JSON.parse(readFileSync(join(folder, file), "utf8"))
        return [file, Schema.decodeUnknownSync(SnapshotFixture)(json)] as const
      })
  )

const check = <S, E extends Tagged>(definition: Definition<S, E>, file: string, fixture: SnapshotFixture): void => {
  const { name, snapshot: policy } = definition
  const { data, fingerprint, version } = fixture.snapshot
  // Snapshots of another form or version are not used.
  if (fingerprint !== policy.fingerprint) return
  const rows = EventFixtures.rows({ ...fixture, current: [] })
  const given = fold(definition, rows)
  const kept = definition.hold(policy.decode(JSON.stringify(data)))
  const path = HeldValue.difference(kept, given)
  if (path === undefined) return
  const toDo = `raise snapshot.version of ${name} to ${policy.version + 1}, or fix evolve`
  fail(`${file}: version ${version} gives another state than its snapshot, at ${path}: ${toDo}`)
}

/** Dies where a snapshot that would be used is not what its events give today. */
export const assertFolded = <S, E extends Tagged>(definition: Definition<S, E>, folder: string): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const [file, fixture] of read(folder)) {
      if (fixture.aggregate === definition.name) check(definition, file, fixture)
    }
  })
