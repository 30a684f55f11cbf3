/**
 * PM1 with real kills: `kill -9` at random instants while timers fire, by clocks that are an hour ahead or behind: each fires once, none
 * before its time, and what is to come later does not fire at all.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { inject } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as Timers from "../../src/projection/Timers.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import { wholeLog } from "../../src/testing/WholeLog.ts"
import { Bell } from "../cli/Belfry.ts"
import * as Cli from "../cli/Cli.ts"
import * as Module from "../cli/Module.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"

const hour = 3_600_000
/** By how much the clock of each process is off, in milliseconds. The last ones reach all that is due within the hour. */
const clocks = [0, -hour, 0, 0, hour, 0, -hour, hour, 0, hour]

/** A process by this clock; two of them where the database lets them be on two machines. */
const start = (database: string, clock: number) => {
  const args = [join(import.meta.dirname, "ringing.mjs"), inject("dist"), database, String(clock)]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  return { child, ended: once(child, "exit"), ready: once(child.stdout, "data") }
}

const databases = {
  sqlite: Effect.map(temporaryFolder, (folder) => {
    const filename = join(folder, "timers.db")
    return {
      named: filename,
      db: `sqlite:${filename}`,
      store: SqliteStore.layer({ filename }),
      processes: 1,
      count: isLong ? 100_000 : 600
    }
  }),
  postgres: Effect.map(schema, (url) => ({
    named: url,
    db: url,
    store: PostgresStore.layer({ url }),
    processes: 2,
    count: isLong ? 20_000 : 600
  }))
}

describe.each(Object.entries(databases))("timers on %s whose process is killed", (_, database) => {
  it(
    "fire once each, and none before its time (PM1)",
    () =>
      Effect.gen(function* () {
        const next = random("kill timers")
        const { count, db, named, processes, store } = yield* database
        const app = Module.built("Belfry")
        const begun = Date.now()
        /** The first half is due as the processes run, the second within the hour, and a few are not. */
        const dueOf = (index: number) => begun + (index < count / 2 ? index * (isLong ? 1 : 4) : hour / 2 + index)
        yield* Effect.forEach(
          Array.from({ length: count + 10 }),
          (_, index) => {
            const at = index < count ? dueOf(index) : begun + 5 * hour
            return Timers.schedule(`timer ${index}`, {
              at,
              send: Timers.command(Bell, String(index), "Ring", undefined)
            })
          },
          { concurrency: 256, discard: true }
        ).pipe(Effect.provide(Timers.part.layer.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provideMerge(store))))

        for (const clock of clocks) {
          const running = Array.from({ length: processes }, () => start(named, clock))
          yield* Effect.promise(async () => {
            await Promise.all(running.map(({ ended, ready }) => Promise.race([ready, ended])))
            await new Promise((resolve) => setTimeout(resolve, Math.floor(next() * (isLong ? 6_000 : 300))))
            for (const { child } of running) child.kill("SIGKILL")
            for (const { ended } of running) assert.deepStrictEqual(await ended, [null, "SIGKILL"])
          })
        }
        // What is left, by the clock that is ahead.
        const last = Array.from({ length: processes }, () => start(named, hour))
        const rungIn = Effect.map(wholeLog, (events) => events.filter(({ type }) => type === "Rung"))
        const all = yield* Effect.provide(
          Effect.repeat(Effect.delay(rungIn, "100 millis"), { until: (rung) => rung.length >= count }).pipe(
            Effect.zipRight(wholeLog)
          ),
          store
        ).pipe(Effect.ensuring(Effect.sync(() => last.map(({ child }) => child.kill("SIGKILL")))))

        const rung = all.filter(({ type }) => type === "Rung").map(({ streamId }) => streamId)
        const expected = Array.from({ length: count }, (_, index) => `bell-${index}`)
        assert.deepStrictEqual(rung.toSorted(), expected.toSorted())
        const fired = all.filter(({ type }) => type === "TimerFired")
        assert.strictEqual(fired.length, count)
        for (const { data, recordedAt } of fired)
          assert.isAtLeast(recordedAt, (JSON.parse(data) as { due: number }).due)
        const { code, stdout } = yield* Cli.run(["verify", "--app", app, "--db", db, "--json"])
        assert.strictEqual(code, 0, stdout)
      }).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), Effect.runPromise),
    isLong ? 1_800_000 : 120_000
  )
})
