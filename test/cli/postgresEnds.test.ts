/** OP5: verbs on PostgreSQL end once they have said what they had to say, whatever their connections were doing. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as PostgresServer from "../PostgresServer.ts"
import * as Cli from "./Cli.ts"
import { lines, some } from "./Rows.ts"

const isLong = process.env.DAYBOOK_LONG !== undefined
const rounds = isLong ? 60 : 20
/** The promise is 5 s; beside other tests a process may wait for its turn for longer than that. */
const limitMs = isLong ? 5_000 : 60_000
const verbs = [
  ...[["projections"], ["head"], ["verify"], ["inspect", "account-a"], ["export"], ["operations"], ["stats"]],
  ...[
    ["explain", "account-a", "--field", "balance"],
    ["explain", "--command", "d-1"],
    ["statement", "a", "--csv"]
  ],
  ["what-if", "account-a", "--edit", "edit.json"],
  ["diff", "--with", "new.mjs"]
]

describe("verbs on PostgreSQL", () => {
  it.scopedLive(
    "end, each of them, round after round (OP5)",
    () =>
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(Effect.promise(PostgresServer.start), (server) =>
          Effect.promise(server.stop)
        )
        const db = ["--db", server.url]
        const cwd = yield* Cli.folder
        writeFileSync(join(cwd, "edit.json"), '{"leaveOut": [2]}')
        const bank = JSON.stringify(join(inject("dist"), "bank/Bank.js"))
        writeFileSync(join(cwd, "new.mjs"), `export { application } from ${bank}\n`)
        yield* Cli.run(["import", "-", "--format", "commands", ...db], { stdin: lines(...some) })
        for (let round = 0; round < rounds; round++) {
          const verb = verbs[round % verbs.length] ?? []
          const began = performance.now()
          const { code, stderr, stdout } = yield* Cli.run([...verb, ...db], {
            cwd,
            killWhen: () => performance.now() - began > limitMs
          })
          assert.strictEqual(code, 0, `${verb.join(" ")} in round ${round}: ${stderr}`)
          assert.notStrictEqual(stdout, "")
        }
      }),
    600_000
  )
})
