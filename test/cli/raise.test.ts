/** What the command line says of a reaction whose version was raised before it is done, and that just this is done then (F9). */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import { EventStore } from "../../src/core/EventStore.ts"
import type * as Application from "../../src/projection/Application.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"
import * as Cli from "./Cli.ts"
import { Door, releases } from "./Doors.ts"
import * as Module from "./Module.ts"

describe("a raised version of a reaction", () => {
  it.scopedLive("is planned, refused where there is none, done with who and why, and then sends what was said", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const filename = join(folder, "doors.db")
      const within = <A, E, P>(release: Application.Application<P>, effect: Effect.Effect<A, E, P | EventStore>) =>
        effect.pipe(
          Effect.provide(Layer.provide(release.layer, ActorSystemLocal.layer)),
          Effect.provide(SqliteStore.layer({ filename })),
          Effect.provide(Logger.remove(Logger.defaultLogger))
        )
      const rung = Effect.flatMap(EventStore, (store) =>
        Effect.map(store.readAll(0), ({ events }) =>
          events.flatMap(({ commandId, type }) => (type === "Rung" ? [commandId] : [])).toSorted()
        )
      )
      const until = (count: number) =>
        Effect.repeat(Effect.delay(rung, "5 millis"), { until: ({ length }) => length >= count })
      const ids = [1, 2, 3].map((version) => `\u0001welcome:door-front:${version}:0:0`)
      const first = Effect.flatMap(Door, (doors) =>
        Effect.forEach(["anna", "bert", "cleo"], (who) => doors("front").Enter({ who }))
      )
      assert.deepStrictEqual(yield* within(releases.before, Effect.zipRight(first, until(3))), ids)

      const built = pathToFileURL(Module.built("Doors")).href
      const moduleOf = (release: keyof typeof releases) => {
        const path = join(folder, `${release}.mjs`)
        writeFileSync(
          path,
          `import { releases } from ${JSON.stringify(built)}\nexport const app = releases.${release}\n`
        )
        return path
      }
      const raise = (release: keyof typeof releases, ...args: ReadonlyArray<string>) =>
        Cli.run(["reactions", "raise", ...args, "--app", moduleOf(release), "--db", `sqlite:${filename}`])

      const none = yield* raise("before", "welcome", "--dry-run")
      assert.deepStrictEqual([none.code, none.stdout], [1, ""])
      assert.include(none.stderr, "runs under version 1 already")
      assert.include((yield* raise("again", "goodbye", "--dry-run")).stderr, "welcome")

      const planned = yield* raise("again", "welcome", "--dry-run")
      assert.strictEqual(
        planned.stdout.trim(),
        "welcome: from version 1 to 2: of the events behind position 0, up to 6, 3 would be reacted to again (Entered 3), " +
          "with commands under new ids; nothing was done"
      )
      const asked = ["welcome", "--by", "anna", "--reason", "no link", "--key", "k1", "--json"]
      const done = JSON.parse((yield* raise("again", ...asked)).stdout)
      assert.deepInclude(done, { name: "reactions.raise", principal: "anna", reason: "no link", replayed: false })
      assert.isTrue(JSON.parse((yield* raise("again", ...asked)).stdout).replayed)
      const again = yield* within(releases.again, until(6))
      assert.deepStrictEqual(again, [...ids, ...ids.map((id) => id.replace("welcome", "welcome@2"))].toSorted())
    })
  )
})
