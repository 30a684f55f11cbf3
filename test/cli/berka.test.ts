/**
 * The promise of the import: the bank's own transactions end at the bank's own balances, whatever happens on the way.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { assertWhole, exportLog, importBerka, importThroughKills, rows } from "./Berka.ts"
import * as Cli from "./Cli.ts"

describe("the import of Berka's transactions", () => {
  it.scoped(
    "ends at the oracle's balances; again it applies nothing and changes no byte; it exports and imports byte for byte",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const first = join(folder, "first.db")
        assert.deepStrictEqual(JSON.parse((yield* importBerka(first)).stdout), {
          applied: rows,
          replayed: 0,
          refused: 0
        })
        yield* assertWhole(first)
        const log = join(folder, "log.jsonl")
        assert.strictEqual((yield* exportLog(first, log)).code, 0)

        assert.deepStrictEqual(JSON.parse((yield* importBerka(first)).stdout), {
          applied: 0,
          replayed: rows,
          refused: 0
        })
        const again = join(folder, "again.jsonl")
        yield* exportLog(first, again)
        assert.isTrue(readFileSync(again).equals(readFileSync(log)))

        const second = join(folder, "second.db")
        const restored = yield* Cli.run(["import", log, "--format", "events", "--db", `sqlite:${second}`, "--json"])
        assert.deepStrictEqual(JSON.parse(restored.stdout), { events: rows + 615, commands: rows + 615 })
        const third = join(folder, "third.jsonl")
        yield* exportLog(second, third)
        assert.isTrue(readFileSync(third).equals(readFileSync(log)))
        // The kept answers went along: the rows are known there.
        assert.deepStrictEqual(JSON.parse((yield* importBerka(second)).stdout).replayed, rows)
      }),
    120_000
  )

  it.scoped(
    "survives SIGKILL at random instants",
    () =>
      Effect.gen(function* () {
        const filename = join(yield* Cli.folder, "killed.db")
        yield* importThroughKills(filename)
        yield* assertWhole(filename)
      }),
    240_000
  )
})
