/** The promise of `daybook schema`: a changed stored form does not pass unseen. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as Cli from "./Cli.ts"

/** A module that exports an aggregate whose one event has this field. */
const moduleWith = (folder: string, field: string): string => {
  const path = join(folder, `aggregate-${field}.mjs`)
  // Beside the build, so that it finds the packages.
  const dist = inject("dist")
  writeFileSync(
    path,
    `import * as Aggregate from ${JSON.stringify(join(dist, "core/Aggregate.js"))}
     import * as Event from ${JSON.stringify(join(dist, "core/Event.js"))}
     import { Schema } from ${JSON.stringify(join(import.meta.dirname, "../../node_modules/effect/dist/esm/index.js"))}
     export const Tank = Aggregate.make("Tank", {
       id: Schema.String, state: Schema.Struct({}), initial: {}, commands: [],
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
