/** Tables of any name are built, rebuilt and told apart. */
import { deepStrictEqual } from "node:assert"
import { Buffer } from "node:buffer"
import { Effect } from "effect"
import { caughtUp, note, running } from "../Notes.ts"
import { counted, counting, generationOf, type ReadSideCase, rebuilt } from "./Counting.ts"

/** A name of exactly this many bytes, that differs from others at its end alone. */
const nameOf = (letter: string, bytes: number, last: string): string => {
  const size = Buffer.byteLength(letter)
  return letter.repeat(Math.floor((bytes - 1) / size)) + "z".repeat((bytes - 1) % size) + last
}

const sizes = [1, 2, 36, 37, 42, 43, 53, 57, 58, 62, 63]

export const Names: ReadonlyArray<ReadSideCase> = [
  {
    name: "tables of every name from 1 to 63 bytes, ASCII and not, are built, rebuilt, indexed and told apart (RD1)",
    run: Effect.gen(function* () {
      const names = ["n", "ü"].flatMap((letter) =>
        sizes.flatMap((bytes) =>
          bytes === 1
            ? [letter === "n" ? "n" : "u"]
            : (bytes < 42 ? ["a"] : ["a", "b"]).map((last) => nameOf(letter, bytes, last))
        )
      )
      const projections = names.map((name) =>
        counting(name, {
          more: (table) =>
            ["one", "count"].map((column) => `CREATE INDEX ${table}_by_${column} ON ${table} (${column})`)
        })
      )
      const end = yield* note("a", "one", "two")
      yield* running(
        projections,
        Effect.forEach(
          names,
          Effect.fnUntraced(function* (name) {
            yield* caughtUp(end, name)
            yield* rebuilt(name)
            yield* rebuilt(name)
            deepStrictEqual([yield* generationOf(name), yield* counted(name)], [3, [2, 2]], name)
          }),
          { discard: true, concurrency: 4 }
        )
      )
    })
  },
  {
    name: "two tables whose long names differ in the last letter have rows of their own, and so do their checkpoints (RD1)",
    run: Effect.gen(function* () {
      const [left, right] = ["a", "b"].map((last) => nameOf("long_", 60, `_${last}`)) as [string, string]
      yield* note("a", "one")
      yield* running([counting(left), counting(right)], Effect.zipRight(caughtUp(1, left), caughtUp(1, right)))
      const end = yield* note("a", "two")
      yield* running([counting(left)], Effect.zipRight(caughtUp(end, left), rebuilt(left)))
      deepStrictEqual(
        [yield* counted(left), yield* counted(right)],
        [
          [2, 2],
          [1, 1]
        ]
      )
    })
  }
]
