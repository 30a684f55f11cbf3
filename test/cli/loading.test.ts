/** Which verbs are loaded: one called by its name without the others, and none of an application's own may hide it. */
import * as Command from "@effect/cli/Command"
import * as Descriptor from "@effect/cli/CommandDescriptor"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { application } from "../../src/bank/Bank.ts"
import * as Arguments from "../../src/cli/Arguments.ts"
import * as Verb from "../../src/cli/Verb.ts"
import * as Verbs from "../../src/cli/Verbs.ts"
import * as Application from "../../src/projection/Application.ts"

const namesOf = (commands: ReadonlyArray<Verbs.AnyCommand>): ReadonlyArray<string> =>
  commands.flatMap(({ descriptor }) => [...Descriptor.getNames(descriptor)])

describe("the verbs of an application", () => {
  it.effect("are loaded one at a time by the names that they have, and all of them where none is named", () =>
    Effect.gen(function* () {
      const names = Object.keys(Verbs.modules)
      for (const name of names) assert.deepStrictEqual(namesOf(yield* Verbs.named(application, name)), [name])
      assert.deepStrictEqual(namesOf(yield* Verbs.named(application, undefined)), [...names, "statement"])
      // One of the application's own, a misspelt one, and what only looks like a verb since objects have it.
      for (const other of ["statement", "verfiy", "toString"]) {
        assert.strictEqual((yield* Verbs.named(application, other)).length, names.length + 1)
      }
    })
  )

  it.effect("are refused where one of its own has the name of one that every application has", () =>
    Effect.gen(function* () {
      const app = Application.make({
        name: "shop",
        aggregates: [],
        verbs: () => [Verb.make(Command.make("export", {}, () => Effect.void))]
      })
      const refused = yield* Effect.flip(Verbs.named(app, undefined))
      assert.strictEqual(refused.message, "every application has a verb export; give that of shop another name")
    })
  )
})

describe("the word that names the verb", () => {
  it("may stand behind options of the program, whose values are none", () => {
    for (const [line, verb] of [
      ["verify --json", "verify"],
      ["--db verify inspect", "inspect"],
      ["--db=verify --json inspect", "inspect"],
      ["--prefix serve --db sqlite:a.db head", "head"],
      ["--help verify", "verify"],
      ["projections pause", "projections"],
      ["--version verify", undefined],
      ["--completions bash", undefined],
      ["-- verify", undefined],
      ["--json", undefined],
      ["", undefined]
    ] as const) {
      assert.strictEqual(Arguments.verbIn(line.split(" ").filter((each) => each !== "")), verb, line)
    }
  })
})
