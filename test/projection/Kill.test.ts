/** `kill -9` at random instants while the summary follows and is rebuilt: no row counts an event twice or never. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { inject } from "vitest"
import * as AccountSummary from "../../src/bank/account/AccountSummary.ts"
import { Projections } from "../../src/projection/Projections.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Summaries from "./Summaries.ts"

const kills = isLong ? 20 : 4

/** Runs the child and kills it at a random instant after it began to deposit. */
const killed = (database: string, seed: string, after: number) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "child.mjs"), inject("dist"), database, seed], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const ended = once(child, "exit")
    await Promise.race([once(child.stdout, "data"), ended])
    setTimeout(() => child.kill("SIGKILL"), after)
    const [code, signal] = await ended
    assert.deepStrictEqual([code, signal], [null, "SIGKILL"])
  })

/** Where each lies, how the command line and the child name it, and the store on it. */
const databases = {
  sqlite: Effect.map(temporaryFolder, (folder) => {
    const filename = join(folder, "daybook.db")
    return { named: filename, db: `sqlite:${filename}`, store: SqliteStore.layer({ filename }) }
  }),
  postgres: Effect.map(schema, (url) => ({ named: url, db: url, store: PostgresStore.layer({ url }) }))
}

describe.each(Object.entries(databases))("a projection on %s whose process is killed", (_, database) => {
  it(
    "is its log again after each restart",
    () =>
      Effect.gen(function* () {
        const next = random("kill projection")
        const { db, named, store } = yield* database
        let events = 0
        for (let kill = 0; kill < kills; kill++) {
          yield* killed(named, `run-${kill}`, Math.floor(next() * 400))
          // As the kill left it: nothing is repaired yet.
          const { code, stdout } = yield* Cli.run(["verify", "--db", db, "--json"])
          assert.strictEqual(code, 0, stdout)
          yield* Effect.gen(function* () {
            const { position } = yield* Summaries.expected
            assert.isAtLeast(position, events)
            events = position
            const projections = yield* Projections
            yield* projections.awaitPosition("account_summary", position, "100 seconds")
            yield* projections.awaitRebuilt("account_summary")
            yield* Summaries.assertExact
          }).pipe(Effect.provide(Layer.provideMerge(ProjectionsLocal.layer([AccountSummary.projection]), store)))
        }
        assert.isAbove(events, 0)
      }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.runPromise),
    isLong ? 600_000 : 120_000
  )
})
