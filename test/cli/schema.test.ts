/** The promise of `daybook schema`: nothing that is stored changes its form or its meaning unseen. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Cli from "./Cli.ts"

const packages = join(import.meta.dirname, "../../node_modules")
let modules = 0

/** A module that exports an aggregate whose one event, and the answer to whose one command, has this field. */
const moduleWith = (folder: string, field: string, answer = "Number", more = ""): string => {
  const path = join(folder, `aggregate-${++modules}.mjs`)
  const dist = inject("dist")
  writeFileSync(
    path,
    `import * as Aggregate from ${JSON.stringify(join(dist, "core/Aggregate.js"))}
     import * as Event from ${JSON.stringify(join(dist, "core/Event.js"))}
     import { Rpc } from ${JSON.stringify(join(packages, "@effect/rpc/dist/esm/index.js"))}
     import { Schema } from ${JSON.stringify(join(packages, "effect/dist/esm/index.js"))}
     export const Tank = Aggregate.make("Tank", {
       id: Schema.String, state: Schema.Struct({}), initial: {},
       commands: [Rpc.make("Fill", { payload: { litres: Schema.Number }, success: Schema.Struct({ litres: Schema.${answer} }) })],
       ${more}
       events: [Event.make("Filled", { litres: Schema.${field} })]
     })`
  )
  return path
}

describe("daybook schema", () => {
  it.scoped("locks an aggregate of the user, and finds a form that changed and a fixture that no longer decodes", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const file = join(folder, "events.lock.json")
      const fixtures = join(folder, "fixtures")
      mkdirSync(fixtures)
      const schema = (field: string, ...more: ReadonlyArray<string>) =>
        Cli.run(["schema", "--module", moduleWith(folder, field), "--lock", file, "--fixtures", fixtures, ...more])
      assert.strictEqual((yield* schema("Number", "--check")).code, 1)
      assert.isFalse(existsSync(file))
      assert.strictEqual((yield* schema("Number")).code, 0)
      assert.strictEqual((yield* schema("Number", "--check")).code, 0)
      const locked = readFileSync(file, "utf8")
      for (const more of [["--check"], []]) {
        const changed = yield* schema("String", ...more)
        assert.strictEqual(changed.code, 1)
        assert.include(changed.stderr, "Filled version 1 has another stored form")
        assert.strictEqual(readFileSync(file, "utf8"), locked)
      }
      const stored = [{ type: "Filled", schemaVersion: 1, data: { litres: "ten" }, recordedAt: 0 }]
      writeFileSync(join(fixtures, "1.json"), JSON.stringify({ aggregate: "Tank", story: "", stored, current: [] }))
      assert.include((yield* schema("Number", "--check")).stderr, "no longer decodes: 1.json: ")
      assert.include((yield* Cli.run(["schema", "--module", join(folder, "none.mjs")])).stderr, "cannot be loaded")
    })
  )

  it.scoped(
    "finds an answer that changed or reads otherwise, in one line, and takes what one says is the same (CV4 CV7)",
    () =>
      Effect.gen(function* () {
        const folder = yield* Cli.folder
        const lock = join(folder, "lock.json")
        const schema = (answer: string, ...more: ReadonlyArray<string>) =>
          Cli.run(["schema", "--module", moduleWith(folder, "Number", answer), "--lock", lock, ...more])
        const byDefault = (unit: string) => `optionalWith(Schema.String, { default: () => "${unit}" })`
        assert.strictEqual((yield* schema(byDefault("l"))).code, 0)
        assert.strictEqual((yield* schema(byDefault("l"), "--check")).code, 0)
        const place = "Tank command Fill success version 1"
        const meaning = yield* schema(byDefault("gal"), "--check")
        assert.strictEqual(meaning.code, 1)
        assert.include(
          meaning.stderr,
          `${place} is read otherwise at litres (of {}: was "l", is "gal"); put version 1 back`
        )
        assert.strictEqual(meaning.stderr.trim().split("\n").length, 1)
        const form = yield* schema("String", "--check")
        assert.strictEqual(form.code, 1)
        assert.include(form.stderr, `${place} has another stored form: litres is required now; put version 1 back`)
        assert.strictEqual((yield* schema(byDefault("gal"), "--accept", place)).code, 0)
        assert.strictEqual((yield* schema(byDefault("gal"), "--check")).code, 0)
      })
  )

  it.scoped("shows a state whose snapshots are made again, and asks nothing for it", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const lock = join(folder, "lock.json")
      const schema = (version: number, ...more: ReadonlyArray<string>) => {
        const module = moduleWith(folder, "Number", "Number", `snapshot: { version: ${version} },`)
        return Cli.run(["schema", "--module", module, "--lock", lock, ...more])
      }
      assert.strictEqual((yield* schema(1)).code, 0)
      const raised = yield* schema(2, "--check")
      assert.strictEqual(raised.code, 0, raised.stderr)
      assert.include(raised.stdout, "Tank state is another one: snapshot.version 2; its snapshots are made again")
      assert.strictEqual((yield* schema(2)).code, 0)
      assert.include((yield* schema(1, "--check")).stderr, "never lower it")
    })
  )

  it.scoped("finds the account as it is locked in the repository", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const lock = join(folder, "lock.json")
      cpSync(join(import.meta.dirname, "../../events.lock.json"), lock)
      const { code, stderr } = yield* Cli.run(["schema", "--check", "--lock", lock])
      assert.strictEqual(code, 0, stderr)
    })
  )
})
