/** `daybook inspect STREAM`: one stream, each event as it is stored and as this version of the program reads it. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Either, Option } from "effect"
import { noHead } from "../core/AppendPlan.ts"
import * as Damage from "../core/Damage.ts"
import { checksum, SnapshotStore } from "../core/SnapshotStore.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import { isStreamId, type StreamId } from "../core/StreamId.ts"
import type { Application } from "../projection/Application.ts"
import * as UnverifiedLog from "../sql/UnverifiedLog.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as Stream from "./Stream.ts"
import { Finding, UsageError } from "./UsageError.ts"

/** The event as it reads today, or why it does not. */
const today = (app: Application, event: StoredEvent): { readonly current?: unknown; readonly error?: string } => {
  const definition = app.ofStream(event.streamId)?.definition
  if (definition === undefined) return { error: "no aggregate has such streams" }
  const decoded = definition.codec.decode(event)
  return Either.isRight(decoded) ? { current: decoded.right } : { error: decoded.left.message }
}

/** A time, or the damaged number that is none. */
const asTime = (milliseconds: number): string => {
  const date = new Date(milliseconds)
  return Number.isNaN(date.getTime()) ? String(milliseconds) : date.toISOString()
}

/** Decoded events hold bigints, which JSON has not. */
const asJson = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? inner.toString() : inner))

const show = (app: Application, event: StoredEvent, damage: string | undefined, json: boolean): string => {
  const { current, error } = today(app, event)
  const recordedAt = asTime(event.recordedAt)
  if (json) return asJson({ ...event, recordedAt, current, error, damage })
  const head = `${event.version}  ${event.type} v${event.schemaVersion}  position ${event.position}  ${recordedAt}  command ${event.commandId}`
  const sender = event.principal === null ? "" : `  by ${JSON.stringify(event.principal)}`
  const lines = [`${head}${sender}`, `    stored   ${event.data}`, `    current  ${error ?? asJson(current)}`]
  return [...lines, ...(damage === undefined ? [] : [`    DAMAGED  ${damage}`])].join("\n")
}

const snapshotOption = Options.boolean("snapshot").pipe(
  Options.withDescription("the latest snapshot of the stream instead of its events")
)

/** The latest snapshot, and whether this version of the program would begin a recovery with it. */
const showSnapshot = Effect.fnUntraced(function* (app: Application, streamId: StreamId, json: boolean) {
  const found = yield* Effect.flatMap(SnapshotStore, (snapshots) => snapshots.load(streamId))
  if (Option.isNone(found)) return yield* new Finding({ reason: `there is no snapshot of ${streamId}` })
  const snapshot = found.value
  const fingerprint = app.ofStream(streamId)?.definition.snapshot.fingerprint
  const use =
    checksum(snapshot) !== snapshot.checksum
      ? "damaged: recoveries pass it over"
      : snapshot.fingerprint === fingerprint
        ? "in use"
        : "of another form of the state: recoveries pass it over"
  const recordedAt = asTime(snapshot.recordedAt)
  const head = `snapshot of version ${snapshot.version}  position ${snapshot.position}  ${recordedAt}  ${use}`
  return yield* Output.result(json, { ...snapshot, recordedAt, use }, [head, `    state    ${snapshot.data}`])
})

export const command = (app: Application) =>
  Command.make(
    "inspect",
    {
      db: Database.databaseOption,
      json: Output.jsonOption,
      snapshot: snapshotOption,
      stream: Args.text({ name: "STREAM" })
    },
    ({ db, json, snapshot, stream }) =>
      Effect.gen(function* () {
        if (!isStreamId(stream))
          return yield* new UsageError({ reason: `STREAM is not the name of a stream; try ${Stream.exampleOf(app)}` })
        if (snapshot) return yield* showSnapshot(app, stream, json)
        let head: { readonly version: number; readonly hash: string } = noHead
        let damaged: string | undefined
        for (;;) {
          const page = yield* UnverifiedLog.readStream(stream, { from: head.version + 1 })
          for (const event of page.events) {
            const damage = Damage.ofRow(head, event)?.reason
            yield* (json ? Output.jsonLine : Output.line)(show(app, event, damage, json))
            damaged ??= damage === undefined ? undefined : `${stream} version ${event.version}: ${damage}`
            head = event
          }
          if (!page.more) break
        }
        if (head.version === 0)
          return yield* new Finding({ reason: `there is no stream ${stream}; try ${Stream.exampleOf(app)}` })
        if (damaged !== undefined) return yield* new Finding({ reason: damaged })
      }).pipe(Effect.provide(Database.layer(db, "readOnly")))
  ).pipe(Command.withDescription("Print the events of one stream, stored and current."))
