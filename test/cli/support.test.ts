/**
 * The guide to support questions is run: each command or request of the page, whose answer has each line that the page
 * shows.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { start } from "../http/Service.ts"
import * as Cli from "./Cli.ts"

const page = readFileSync(join(import.meta.dirname, "../../docs/guides/support.md"), "utf8")

interface Question {
  readonly title: string
  readonly command: string
  readonly shows: ReadonlyArray<string>
  /** A file that the command takes, with its name. */
  readonly file: readonly [name: string, text: string] | undefined
}

const questions: ReadonlyArray<Question> = page
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const block = (language: string) => new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(section)?.[1]
    const name = /With `([a-z.]+)`:/.exec(section)?.[1]
    const text = block("json")
    return {
      title: section.split("\n", 1)[0] ?? "",
      command: (block("sh") ?? "").trim(),
      shows: (block("text") ?? "").trimEnd().split("\n"),
      file: name === undefined || text === undefined ? undefined : [name, text]
    }
  })

const [preamble = ""] = page.split(/^## /m, 1)
const blockOf = (language: string): string =>
  new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "ms").exec(preamble)?.[1] ?? ""

/** Makes the history as the page says. Returns where the service is. */
const write = Effect.fnUntraced(function* (folder: string, db: string) {
  writeFileSync(join(folder, "history.jsonl"), blockOf("jsonl"))
  const [importing = "", serving, transferring = ""] = blockOf("sh").trim().split("\n")
  const imported = yield* Cli.run([...importing.split(" ").slice(1), "--db", db], { cwd: folder })
  assert.deepStrictEqual([imported.code, imported.stdout], [0, "5 applied, 0 replayed, 1 refused\n"], imported.stderr)
  assert.strictEqual(serving, "daybook serve")
  const { url } = yield* start(["--db", db])
  const [, path, body = ""] = /localhost:8080(\S+) .* -d '(.*)'$/.exec(transferring) ?? []
  const headers = Object.fromEntries(
    [...transferring.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = "", value = ""]) => [name, value])
  )
  const answer = yield* Effect.promise(() => fetch(`${url}${path}`, { method: "POST", headers, body }))
  assert.strictEqual(answer.status, 201)
  return url
})

/** A line of the page as a pattern: `…` is any text. */
const patternOf = (line: string): RegExp =>
  new RegExp(
    `^${line
      .split("…")
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*")}$`,
    "m"
  )

describe("the guide to support questions", () => {
  it.scopedLive(
    "has ten questions, and the answer to each is what it shows",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(questions.length, 10)
        const folder = yield* Cli.folder
        const db = `sqlite:${join(folder, "support.db")}`
        for (const module of ["old.mjs", "new.mjs"]) {
          const bank = JSON.stringify(join(inject("dist"), "bank/Bank.js"))
          writeFileSync(join(folder, module), `export { application } from ${bank}\n`)
        }
        const url = yield* write(folder, db)
        const wrong: Array<string> = []
        for (const { command, file, shows, title } of questions) {
          if (file !== undefined) writeFileSync(join(folder, file[0]), file[1])
          let answer: string
          const [, path] = /^curl -s '?localhost:8080(\S+?)'?$/.exec(command) ?? []
          if (path !== undefined) answer = yield* Effect.promise(() => fetch(url + path).then((got) => got.text()))
          else {
            const [program, ...args] = command.split(" ")
            assert.strictEqual(program, "daybook", command)
            const ended = yield* Cli.run([...args, "--db", db], { cwd: folder })
            assert.strictEqual(ended.code, 0, `${command}: ${ended.stderr}`)
            answer = ended.stdout
          }
          const missing = shows.filter((line) => !patternOf(line).test(answer))
          if (missing.length > 0) wrong.push(`${title}\n${missing.join("\n")}\nis not in\n${answer}`)
        }
        assert.strictEqual(wrong.join("\n\n"), "")
        // The same question over HTTP.
        const asked = yield* Effect.promise(() => fetch(`${url}/stats`).then((got) => got.json()))
        const told = JSON.parse((yield* Cli.run(["stats", "--json", "--db", db])).stdout)
        assert.deepStrictEqual(asked, told)
        const statement = (query: string) =>
          Effect.promise(async () => {
            const got = await fetch(`${url}/accounts/anna/statement${query}`)
            return [got.status, await got.json()] as const
          })
        const [status, january] = yield* statement("?from=2026-01-01&to=2026-01-31")
        assert.strictEqual(status, 200)
        assert.deepInclude(january, { openingBalance: "0.00", closingBalance: "100.00", next: null })
        const first = (yield* statement("?limit=1"))[1]
        assert.deepStrictEqual([first.lines.length, first.next, first.closingBalance], [1, 2, "30.00"])
        for (const query of ["?from=2026-02-30", "?from=2026-02-01&to=2026-01-01", "?limit=0"]) {
          assert.deepInclude((yield* statement(query))[1], { code: "invalid-request" })
        }
        const nobody = yield* Effect.promise(() => fetch(`${url}/accounts/nobody/statement`).then((got) => got.json()))
        assert.deepInclude(nobody, { code: "account-not-found" })
      }),
    600_000
  )
})
