/** A file whose pages rot under a serving process: what reads them says so, and all else is served. */
import { closeSync, openSync, writeSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../cli/Cli.ts"
import { Database, database, deposit, open } from "../cli/Rows.ts"
import { assertProblem } from "./Problems.ts"
import * as Serve from "./Serve.ts"
import { ask } from "./Service.ts"

const accounts = 200
const rows = Array.from({ length: accounts }, (_, n) => [
  open(`a${n}`),
  ...Array.from({ length: 5 }, (_, k) => deposit(`a${n}`, `d${n}-${k}`, "1", { reference: "r".repeat(400) }))
]).flat()

/** Overwrites the pages that hold events, except the newest, where the next ones go. */
const rot = (file: string): number => {
  const reader = new Database(file, { readonly: true })
  const pages = reader
    .prepare("SELECT pageno, pgsize FROM dbstat WHERE name = 'log_events' AND pagetype = 'leaf' ORDER BY path")
    .all() as ReadonlyArray<{ readonly pageno: number; readonly pgsize: number }>
  reader.close()
  const rotten = pages.slice(1, -8)
  const descriptor = openSync(file, "r+")
  for (const { pageno, pgsize } of rotten) {
    writeSync(descriptor, Buffer.alloc(pgsize, 0xff), 0, pgsize, (pageno - 1) * pgsize)
  }
  closeSync(descriptor)
  return rotten.length
}

describe("a file that rots under a serving process", () => {
  it.scopedLive(
    "is data-damaged to what reads it, by its cause in the log, and others are served (OP2)",
    () =>
      Effect.gen(function* () {
        const { file } = yield* database(...rows)
        const { stderr, url } = yield* Serve.start(Cli.program(), ["--db", `sqlite:${file}`])
        const last = `a${accounts - 1}`
        const one = (id: string) => ask(`${url}/accounts/${id}/deposits`, { body: { amount: "1" } })
        assert.strictEqual((yield* one(last)).status, 200)
        yield* ask(`${url}/accounts/${last}/summary?minPosition=${rows.length + 1}`)
        assert.isAbove(rot(file), 10)
        // A commit has the readers forget what they have in memory.
        assert.strictEqual((yield* one(last)).status, 200)
        const middle = `a${accounts / 2}`
        for (const answer of [
          yield* ask(`${url}/accounts/${middle}`),
          yield* ask(`${url}/accounts/${middle}/events`),
          yield* ask(`${url}/events?limit=1000`),
          yield* one(middle)
        ]) {
          assertProblem(answer, "data-damaged")
          assert.notMatch(answer.text, /sqlite|malformed|\.db/i)
        }
        const log = stderr()
        assert.match(log, /SQLITE_CORRUPT/)
        // What needs none of it goes on, and so does the process.
        assert.strictEqual((yield* one(last)).status, 200)
        for (const path of ["/health/live", "/health/ready", "/metrics", `/accounts/${last}`]) {
          assert.strictEqual((yield* ask(`${url}${path}`)).status, 200, path)
        }
        const { code, stdout } = yield* Cli.run(["verify", "--db", `sqlite:${file}`])
        assert.strictEqual(code, 1, stdout)
      }),
    60_000
  )
})
