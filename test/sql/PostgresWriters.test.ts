/**
 * 50 writers in three processes on one log, whose transactions pause, roll back and are killed, while readers follow
 * it.
 */
import { spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { inject } from "vitest"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Subscription from "../../src/projection/Subscription.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { isLong, random } from "../Random.ts"
import { append, log, problems } from "./Log.ts"
import { schema } from "./Postgres.ts"

const transactions = isLong ? 60 : 4
const kills = isLong ? 9 : 1

/** Runs this many writers; `kill` may end them. Gives each line to `tell`, and ends with the process. */
const run = (args: ReadonlyArray<string>, tell: (line: string, kill: () => void) => void) =>
  Effect.async<number | string | null>((resume) => {
    const script = join(import.meta.dirname, "writers.mjs")
    const child = spawn(process.execPath, [script, inject("dist"), ...args], { stdio: ["ignore", "pipe", "inherit"] })
    createInterface(child.stdout).on("line", (line) => tell(line, () => child.kill("SIGKILL")))
    child.once("close", (code, signal) => resume(Effect.succeed(code ?? signal)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

describe("the order of the log on PostgreSQL", () => {
  it.scopedLive(
    "50 writers in 3 processes pause, roll back and are killed: each committed event is read once, in order, at once, and the journal is gapless and chained (ES19 ES21 JR6)",
    () =>
      Effect.gen(function* () {
        const url = yield* schema
        yield* Effect.gen(function* () {
          const store = yield* EventStore
          const next = random("writers")
          const committed = new Map<string, number>()
          const undone: Array<string> = []
          let killsLeft = kills
          let life = 0
          const failures: Array<unknown> = []
          const checks: Array<Promise<void>> = []

          const tell = (line: string) => {
            const [what, id = "", position] = line.split(" ")
            if (what === "undone") return undone.push(id)
            committed.set(id, Number(position))
            // Nobody who is still at work holds up what is committed.
            const check = Effect.map(store.readAll(Number(position) - 1, 1), ({ events: [event] }) => {
              if (event?.commandId !== id) failures.push(`${id} at ${position} was not read when it was committed`)
            })
            return checks.push(Effect.runPromise(check))
          }
          const group = (writers: number): Effect.Effect<void> =>
            Effect.gen(function* () {
              const killAfter = Math.floor(next() * writers * transactions * 0.5)
              let told = 0
              const args = [url, `p${++life}`, String(writers), String(transactions), String(next())]
              const end = yield* run(args, (line, kill) => {
                tell(line)
                if (++told < killAfter || killsLeft === 0) return
                killsLeft--
                kill()
              })
              if (end === "SIGKILL") return yield* group(writers)
              assert.strictEqual(end, 0)
            })

          const polled: Array<string> = []
          let last = 0
          const poll = Effect.gen(function* () {
            for (const { commandId, position } of (yield* store.readAll(last)).events) {
              assert.isAbove(position, last)
              last = position
              polled.push(commandId)
            }
          })
          const told: Array<string> = []
          const follower = yield* Effect.fork(
            Stream.runForEachWhile(Subscription.log(0), ({ commandId }) =>
              Effect.sync(() => commandId !== "last" && told.push(commandId) > 0)
            )
          )
          const work = Effect.all([group(17), group(17), group(16)], { concurrency: 3 })
          yield* Effect.raceFirst(work, Effect.forever(poll))
          yield* poll
          yield* Effect.promise(() => Promise.all(checks))

          const events = yield* log
          const ids = events.map(({ commandId }) => commandId)
          yield* append("s-0", "last")
          yield* Fiber.join(follower)
          console.log(
            `${ids.length} events of ${life} processes, ${committed.size} known to be committed, ${undone.length} undone`
          )
          assert.deepStrictEqual(failures, [])
          assert.deepStrictEqual(yield* problems(), [], "the journal")
          assert.strictEqual(killsLeft, 0)
          assert.strictEqual(new Set(ids).size, ids.length)
          assert.deepStrictEqual(polled, ids)
          assert.deepStrictEqual(told, ids)
          const positions = new Map(events.map(({ commandId, position }) => [commandId, position]))
          for (const [id, position] of committed) assert.strictEqual(positions.get(id), position, id)
          for (const id of undone) assert.isFalse(positions.has(id), id)
          assert.isAbove(undone.length, 0)
        }).pipe(Effect.provide(PostgresStore.layer({ url })))
      }),
    600_000
  )
})
