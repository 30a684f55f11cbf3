/** A log with an entry that was recorded ahead of the clock: sound, noted, and the same in a copy. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as OpenedAt from "../OpenedAt.ts"
import * as Cli from "./Cli.ts"

const day = 86_400_000

describe("verify of a log with a clock that was ahead", () => {
  it.scoped("notes the entry and finds nothing wrong; so does the verification of its copy", () =>
    Effect.gen(function* () {
      const folder = yield* Cli.folder
      const file = join(folder, "daybook.db")
      const run = (...args: ReadonlyArray<string>) => Cli.run(args, {})
      // The last one, which no other shows, is ahead of now.
      yield* OpenedAt.write(
        file,
        [0, day, 0, 2 * day].map((offset, index) => [`a${index}`, offset])
      )
      const copy = join(folder, "copy.db")
      assert.strictEqual((yield* run("copy", "--from", `sqlite:${file}`, "--to", `sqlite:${copy}`)).code, 0)
      for (const database of [file, copy]) {
        const { code, stdout } = yield* run("verify", "--db", `sqlite:${database}`)
        assert.strictEqual(code, 0, stdout)
        assert.match(stdout, /^note: account-a1 version 1: entry 2 of the journal: it was recorded (1d|23h).* ahead/m)
        assert.match(
          stdout,
          /^note: account-a3 version 1: entry 4 of the journal: it was recorded (2d|1d 23h).* ahead/m
        )
        const json = JSON.parse((yield* run("verify", "--db", `sqlite:${database}`, "--json")).stdout)
        assert.isTrue(json.ok)
        assert.deepStrictEqual(
          json.notes.map(({ streamId }: { readonly streamId: string }) => streamId),
          ["account-a1", "account-a3"]
        )
      }
    })
  )
})
