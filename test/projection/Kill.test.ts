/** `kill -9` while the summary follows, is rebuilt and is put in place: no row counts an event twice or never. */
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

const phases = ["swapping", "projecting", "rebuilding"] as const
type Phase = (typeof phases)[number]
const kills = isLong ? 21 : 4
/**
 * The child may be through with what it said before the signal comes: the long form goes on until each phase was hit so
 * often.
 */
const hitsEach = 7
const maxKills = 20 * kills

/** Runs the child, kills it when it begins this for the nth time, and gives what it was at then. */
const killed = (database: string, seed: string, phase: Phase, nth: number) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "child.mjs"), inject("dist"), database, seed], {
      stdio: ["ignore", "pipe", "inherit"]
    })
    const ended = once(child, "close")
    let rest = ""
    let last: string | undefined
    let seen = 0
    child.stdout.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk).split("\n")
      rest = lines.pop() ?? ""
      seen += lines.filter((line) => line === phase).length
      last = lines.at(-1) ?? last
      if (seen >= nth) child.kill("SIGKILL")
    })
    const [code, signal] = await ended
    assert.deepStrictEqual([code, signal], [null, "SIGKILL"])
    return last
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
        const hits = { swapping: 0, projecting: 0, rebuilding: 0 }
        const missed = () => (isLong ? phases.filter((phase) => hits[phase] < hitsEach) : phases)
        for (let kill = 0; isLong ? missed().length > 0 : kill < kills; kill++) {
          assert.isBelow(kill, maxKills, JSON.stringify(hits))
          const phase = missed()[kill % missed().length] as Phase
          const at = yield* killed(named, `run-${kill}`, phase, 1 + Math.floor(next() * 5))
          if (at === "swapping" || at === "projecting" || at === "rebuilding") hits[at]++
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
    isLong ? 1_200_000 : 300_000
  )
})
