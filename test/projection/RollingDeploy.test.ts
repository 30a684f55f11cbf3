/**
 * A rolling deploy of reactions on three nodes under load: the next release calls one by another name, and has a new one that starts from
 * now. Nothing is sent twice, and nothing is missed (F9, F10, PM3, PM4).
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { inject } from "vitest"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import * as Operation from "../../src/core/Operation.ts"
import type { StoredEvent } from "../../src/core/StoredEvent.ts"
import * as PostgresStore from "../../src/sql/PostgresStore.ts"
import { releases } from "../cli/Doors.ts"
import * as Module from "../cli/Module.ts"
import { isLong } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"

const nodes = 3
/** How many more must have come in before the next node is replaced. */
const between = isLong ? 3_000 : 30
/** Clients of each node, without a pause. */
const clients = isLong ? 3 : 1

/** The log, of which each call reads what came since. */
const follow = () => {
  const events: Array<StoredEvent> = []
  return Effect.gen(function* () {
    const store = yield* EventStore
    for (let more = true; more; ) {
      const page = yield* store.readAll(events.at(-1)?.position ?? 0)
      events.push(...page.events)
      more = page.more
    }
    return events
  })
}

const namesOf = (events: ReadonlyArray<StoredEvent>, prefix: string): ReadonlyArray<string> =>
  events.flatMap(({ streamId }) => (streamId.startsWith(prefix) ? [streamId.slice(prefix.length)] : []))

interface Registration {
  readonly name: string
  readonly reaction: string
  readonly former?: string
  readonly position?: number
}

/** The deploy, on a database whose store this process has too; then what must be in the log. */
const deploying = (url: string) =>
  Effect.gen(function* () {
    Module.built("Doors")
    const log = follow()
    const start = (release: keyof typeof releases, node: string) =>
      Effect.acquireRelease(
        Effect.promise(async () => {
          const args = [join(import.meta.dirname, "greeting.mjs"), inject("dist"), url, release, node, String(clients)]
          const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
          const ended = once(child, "exit")
          const [first] = await Promise.race([once(child.stdout, "data"), ended])
          assert.strictEqual(String(first), "ready\n", `the node ${node} ended`)
          return { child, ended }
        }),
        ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
      )
    const entered = Effect.map(log, (events) => namesOf(events, "door-").length)
    const more = Effect.flatMap(entered, (before) =>
      Effect.repeat(Effect.delay(entered, "50 millis"), { until: (now) => now >= before + between })
    )

    let running = yield* Effect.forEach(
      Array.from({ length: nodes }, (_, index) => `old-${index}`),
      (node) => start("before", node),
      { concurrency: nodes }
    )
    yield* more
    for (let index = 0; index < nodes; index++) {
      const [oldest, ...others] = running
      // One of them is not asked.
      oldest?.child.kill(index === 1 ? "SIGKILL" : "SIGTERM")
      yield* Effect.promise(async () => oldest?.ended)
      running = [...others, yield* start("after", `new-${index}`)]
      yield* more
    }
    for (const { child } of running) child.kill("SIGTERM")
    const ends = yield* Effect.forEach(running, ({ ended }) => Effect.promise(() => ended))
    assert.deepStrictEqual(
      ends,
      running.map(() => [0, null])
    )
    const { operations } = yield* Operation.page(0, 100)
    const registered = operations.map(({ detail, name }) => ({ name, ...(detail as object) }) as Registration)
    assert.sameDeepMembers(
      registered.map(({ former, name, reaction }) => [name, reaction, former]),
      [
        ["reactions.register", "welcome", undefined],
        ["reactions.rename", "welcome_mail", "welcome"],
        ["reactions.register", "notes", undefined]
      ]
    )
    const { position = 0 } = registered.find(({ reaction }) => reaction === "notes") ?? {}
    const expectedOf = (events: ReadonlyArray<StoredEvent>) => {
      const all = events.filter(({ type }) => type === "Entered")
      const who = ({ data }: StoredEvent) => (JSON.parse(data) as { who: string }).who
      return { bells: all.map(who), notes: all.filter((event) => event.position > position).map(who) }
    }
    // What was left when the load ended, by one more node of the next release.
    const isDone = Effect.map(log, (events) => {
      const { bells, notes } = expectedOf(events)
      const isIn = (prefix: string, names: ReadonlyArray<string>) => {
        const found = new Set(namesOf(events, prefix))
        return names.every((name) => found.has(name))
      }
      return isIn("bell-", bells) && isIn("note-", notes)
    })
    yield* Effect.repeat(Effect.delay(isDone, "50 millis"), { until: (done) => done }).pipe(
      Effect.provide(Layer.provide(releases.after.layer, ActorSystemLocal.layer))
    )
    const events = yield* log
    const { bells, notes } = expectedOf(events)
    assert.deepStrictEqual(namesOf(events, "bell-").toSorted(), bells.toSorted())
    assert.deepStrictEqual(namesOf(events, "note-").toSorted(), notes.toSorted())
    assert.isTrue(notes.length > 0 && notes.length < bells.length, `${notes.length} of ${bells.length}`)
    console.log(`a deploy of reactions: ${bells.length} came in, ${notes.length} of them since the new one began`)
  }).pipe(Effect.scoped)

describe("a deploy, node by node, of a release that renames a reaction and adds one", () => {
  it(
    "sends nothing twice and misses nothing, under load (PM3 PM4)",
    () =>
      Effect.flatMap(schema, (url) => deploying(url).pipe(Effect.provide(PostgresStore.layer({ url })))).pipe(
        Effect.scoped,
        Effect.provide(Logger.remove(Logger.defaultLogger)),
        Effect.runPromise
      ),
    isLong ? 600_000 : 300_000
  )
})
