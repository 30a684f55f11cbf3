/**
 * Commands that clients and programs sent to the release before get the same answers from this one, to the byte, on
 * SQLite and PostgreSQL; and what is another command stays refused. The short form reads what that release left behind
 * in `test/fixtures/databases`, the long one has it write some thousand commands first.
 */
import { copyFileSync, existsSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Cli from "../cli/Cli.ts"
import { Database } from "../cli/Rows.ts"
import { isLong } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Recording from "./Recording.ts"
import * as Releases from "./Releases.ts"

const fixture = join(import.meta.dirname, "../fixtures/databases/0006-keyed-commands")

const sqlite = Effect.map(temporaryFolder, (folder) => `sqlite:${join(folder, "d.db")}`)
const fileOf = (db: string): string => db.slice("sqlite:".length)

describe("commands of the release before", () => {
  it.scopedLive(
    "get the same answers again from a database that it left behind, and from its copy on PostgreSQL (HT6, CV1, CV9)",
    () =>
      Effect.gen(function* () {
        const dist = inject("dist")
        const [from, to] = [yield* sqlite, yield* schema]
        copyFileSync(`${fixture}.db`, fileOf(from))
        const recording = Recording.read(`${fixture}.jsonl`)
        assert.isAbove(Recording.size(recording), 200)
        yield* Recording.check(dist, from, recording)
        const copied = yield* Cli.run(["copy", "--from", from, "--to", to])
        assert.strictEqual(copied.code, 0, copied.stderr)
        yield* Recording.check(dist, to, recording)
      })
  )
})

describe.runIf(isLong)("a thousand commands of the release before", () => {
  const cannot = Releases.isMissing(Releases.before)
  for (const [name, database] of [
    ["SQLite", sqlite],
    ["PostgreSQL", schema]
  ] as const) {
    it.scopedLive.skipIf(cannot)(
      `get the same answers again on ${name} (HT6, CV1, CV9)`,
      () =>
        Effect.gen(function* () {
          const db = yield* database
          const recording = yield* Recording.record(Releases.earlier(Releases.before), db, 8, { holds: 100 })
          assert.isAtLeast(recording.exchanges.length, 1_000)
          yield* Recording.check(inject("dist"), db, recording)
        }),
      600_000
    )
  }
})

// How the fixture was made: `DAYBOOK_RECORD=1 npx vitest run test/release/replay.test.ts`. It is never made again: a
// later release gets a fixture of its own beside it.
if (process.env.DAYBOOK_RECORD !== undefined && !existsSync(`${fixture}.db`)) {
  it.scopedLive("records the fixture", () =>
    Effect.gen(function* () {
      const db = yield* sqlite
      const recording = yield* Recording.record(Releases.earlier(Releases.before), db, 1)
      const connection = new Database(fileOf(db))
      connection.exec("VACUUM")
      connection.close()
      copyFileSync(fileOf(db), `${fixture}.db`)
      Recording.write(`${fixture}.jsonl`, recording)
    })
  )
}
