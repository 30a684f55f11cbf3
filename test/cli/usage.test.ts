/** A call that a verb does not take is refused with exit code 2 in one line, before anything is done (OP6). */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Arguments from "../../src/cli/Arguments.ts"
import * as WholeNumber from "../../src/cli/WholeNumber.ts"
import * as Cli from "./Cli.ts"
import { assertRefused, database, some } from "./Rows.ts"

describe("a whole number", () => {
  it("is digits alone, within its bounds: what JavaScript takes for one besides is none", () => {
    for (const [text, value] of [
      ["0", 0],
      ["007", 7],
      ["65535", 65_535]
    ] as const) {
      assert.deepStrictEqual(WholeNumber.read(text, WholeNumber.ports), Either.right(value))
    }
    for (const text of ["", " 1", "1 ", "1e3", "0x10", "0b1", "+1", "-1", "1.0", "1_000", "１", "Infinity", "65536"]) {
      const wrong = WholeNumber.read(text, WholeNumber.ports)
      assert.deepStrictEqual(wrong, Either.left("is a whole number from 0 to 65535"), text)
    }
    assert.isTrue(Either.isRight(WholeNumber.read(String(Number.MAX_SAFE_INTEGER), { least: 0 })))
    const beyond = WholeNumber.read("9007199254740992", { least: 1 })
    assert.deepStrictEqual(beyond, Either.left("is a whole number, 1 or more"))
  })
})

describe("an option", () => {
  const optional = (name: string) => Options.text(name).pipe(Options.optional)
  const retry = Command.make("retry", { db: optional("db"), model: Args.text({ name: "MODEL" }) })
  const models = Command.make("models", {}).pipe(Command.withSubcommands([retry]))
  const keep = Command.make("keep", {
    db: optional("db"),
    isAll: Options.boolean("all").pipe(Options.withAlias("a")),
    file: Args.text({ name: "FILE" }).pipe(Args.optional)
  })
  const { descriptor } = Command.make("shop").pipe(Command.withSubcommands([models, keep]))
  const unknownIn = (line: string) => Arguments.unknownIn(Arguments.arrange(descriptor, line.split(" ")))

  it("that the verb does not take is found, wherever it stands (OP6)", () => {
    for (const [line, name] of [
      ["keep --evry 3", "--evry"],
      ["keep --evry=3", "--evry"],
      ["--evry keep", "--evry"],
      ["keep f --db x -f", "-f"],
      ["keep --all --allx", "--allx"],
      ["models --nonsense", "--nonsense"],
      ["models retry m -x", "-x"],
      ["--db x models retry --all", "--all"]
    ] as const) {
      assert.strictEqual(unknownIn(line), name, line)
    }
  })

  it("is what begins so, and neither the value of one nor what stands behind two dashes (OP6)", () => {
    for (const line of [
      "keep",
      "keep --all",
      "keep -a f",
      "keep --db --all f",
      "keep --db=x f",
      "keep -- --nonsense",
      "keep -",
      "keep -1",
      "models retry --db x m",
      "--db x models retry m",
      "bogus --nonsense",
      "--version",
      "--completions bash"
    ]) {
      assert.isUndefined(unknownIn(line), line)
    }
  })
})

describe("a verb", () => {
  it.scoped(
    "that is called wrongly ends with 2, whichever part of the program finds that, and with 1 for what a file says (OP6)",
    () =>
      Effect.gen(function* () {
        const { folder, run } = yield* database(...some)
        const edits = join(folder, "edits.json")
        writeFileSync(edits, '{"leaveOut": [99], "change": [], "putIn": []}')
        for (const [args, says, code = 2] of [
          [["operations", "--after", "1e3"], /--after is a whole number, 0 or more/],
          [["operations", "--limit", "0"], /--limit is a whole number from 1 to 1000/],
          [["explain", "account-a", "--after", "0x1"], /--after is a whole number/],
          [["timers", "--limit", "1001"], /--limit is a whole number from 1 to 1000/],
          [["projections", "unskip", "account_summary", "account-a", "1.0"], /VERSION is a whole number, 1 or more/],
          [["relay", "rewind", "main", "1e0"], /POSITION is a whole number, 0 or more/],
          [["restore", join(folder, "none.db"), "--above-epoch", "1e1"], /--above-epoch is a whole number/],
          [["backup", folder, "--keep", "0"], /--keep is a whole number, 1 or more/],
          [["serve", "--rate", "1e3"], /--rate \(DAYBOOK_RATE\) is a whole number, 1 or more/],
          [["statement", "a", "--from", "yesterday"], /from: is not a day/],
          [["statement", "a", "--from", "2026-02-01", "--to", "2026-01-01"], /from: is after to/],
          [["projections", "pause", "account_summary", "--key", "x".repeat(1_001)], /key: /],
          [["backup", "--kep", "3"], /backup takes no --kep; see daybook backup --help/],
          [["serve", "--tokens", folder], /the file of tokens \S+ cannot be read: it is a folder/, 1],
          [["statement", "nobody"], /there is no account nobody/, 1],
          [["what-if", "account-a", "--edit", edits], /edits\.json: edits: name version 99/, 1]
        ] as ReadonlyArray<readonly [ReadonlyArray<string>, RegExp, (1 | 2)?]>) {
          const [verb = "", ...rest] = args
          assertRefused(yield* run(verb, ...rest), says, code)
        }
        assert.strictEqual((yield* run("operations", "--after", "0", "--limit", "1000")).code, 0)
      })
  )

  it.scoped("takes no more from a variable than from its option (OP6)", () =>
    Effect.gen(function* () {
      for (const [name, value, says] of [
        ["DAYBOOK_PORT", "1e3", /--port \(DAYBOOK_PORT\) is a whole number from 0 to 65535/],
        ["DAYBOOK_PAYLOAD_DAYS", "-1", /--payload-days \(DAYBOOK_PAYLOAD_DAYS\) is a whole number from 0 to/],
        ["DAYBOOK_DURABILITY", "some", /DAYBOOK_DURABILITY/]
      ] as const) {
        const [command, ...first] = Cli.program()
        const env = ["env", `${name}=${value}`, command, ...first] as const
        assertRefused(yield* Cli.run(["serve", "--db", "sqlite::memory:"], { program: env }), says, 2)
      }
    })
  )
})
