/** `daybook stats`: what the log is made of. Reads it once, beside a running service too, and changes nothing. */
import * as Command from "@effect/cli/Command"
import { Effect } from "effect"
import { EventStore } from "../core/EventStore.ts"
import * as LogShape from "../core/LogShape.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"

/** Days that are shown to people; JSON has all of them. */
const maxDays = 14

const right = (value: number | string, width: number): string => String(value).padStart(width)

/** Rows under their heads: texts to the left and numbers to the right. */
const table = (
  heads: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number>>
): ReadonlyArray<string> => {
  const texts = [heads, ...rows.map((row) => row.map((each) => Output.plain(String(each))))]
  const widths = heads.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)))
  return texts.map((row) =>
    row
      .map((text, column) => {
        const isNumber = typeof (rows[0]?.[column] ?? "") === "number"
        const width = widths[column] ?? 0
        return isNumber ? right(text, width) : text.padEnd(width)
      })
      .join("  ")
      .trimEnd()
  )
}

const describe = (shape: LogShape.Shape): ReadonlyArray<string> => {
  const { bytes, days, events, farthest, largest, longest, snapshots, types } = { ...shape, ...shape.snapshots }
  return [
    `${events} events, ${bytes} bytes of data, up to position ${shape.position}`,
    "",
    ...table(
      ["AGGREGATE", "TYPE", "VERSION", "EVENTS", "BYTES"],
      types.map((each) => [each.prefix, each.type, each.schemaVersion, each.events, each.bytes])
    ),
    "",
    ...table(
      ["DAY", "EVENTS", "BYTES"],
      days.slice(-maxDays).map((each) => [each.day, each.events, each.bytes])
    ),
    "",
    ...table(
      ["LONGEST STREAMS", "EVENTS"],
      longest.map((each) => [each.streamId, each.version])
    ),
    "",
    ...table(
      ["LARGEST EVENTS", "VERSION", "TYPE", "BYTES"],
      largest.map((each) => [each.streamId, each.version, each.type, each.bytes])
    ),
    "",
    `snapshots of ${snapshots.streams} streams, ${snapshots.meanDistance.toFixed(1)} events behind on the average`,
    ...table(
      ["FARTHEST BEHIND", "VERSION", "SNAPSHOT"],
      farthest.map((each) => [each.streamId, each.version, each.snapshot])
    )
  ]
}

export const command = Command.make("stats", { db: Database.databaseOption, json: Output.jsonOption }, ({ db, json }) =>
  Effect.gen(function* () {
    const end = yield* Effect.flatMap(EventStore, (store) => store.lastPosition)
    let at = 0
    const shape = yield* Output.withStatusLine(
      Effect.sync(() => `position ${at} of ${end}`),
      LogShape.read((position) => {
        at = position
      })
    )
    yield* Output.result(json, shape, describe(shape))
  }).pipe(Effect.provide(Database.layer(db, "readOnly")))
).pipe(
  Command.withDescription("Say what the log is made of: types, growth, longest streams, largest events, snapshots.")
)
