/** The program on a log on JetStream, as a user runs it. */
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as NatsStore from "../../src/nats/NatsStore.ts"
import { assertBalances, importBerka, importInto, rows } from "../cli/Berka.ts"
import * as Cli from "../cli/Cli.ts"
import { isLong } from "../Random.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Nats from "./Nats.ts"

const accounts = 615

/** Runs a verb that must succeed, and gives what it says as JSON. */
const daybook = (args: ReadonlyArray<string>, options?: Parameters<typeof Cli.run>[1]) =>
  Effect.map(Cli.run([...args, "--json"], options), ({ code, stderr, stdout }) => {
    assert.strictEqual(code, 0, stderr)
    return JSON.parse(stdout)
  })

describe.skipIf(!Nats.isThere)("the program on JetStream", () => {
  it.scoped(
    "imports, verifies, and copies the log to SQLite and into a new stream with the same export",
    () =>
      Effect.gen(function* () {
        const [here, other] = [yield* Nats.address, yield* Nats.address]
        const file = join(yield* temporaryFolder, "copy.db")
        const stdin = [
          { commandId: "c-1", accountId: "a", command: "Open", owner: "Ann", currency: "EUR" },
          { commandId: "c-2", accountId: "a", command: "Deposit", amount: "12.50" },
          { commandId: "c-3", accountId: "a", command: "Withdraw", amount: "99.00" }
        ]
          .map((line) => JSON.stringify(line))
          .join("\n")
        const url = here.of()
        const first = yield* daybook(["import", "-", "--format", "commands", "--db", url], { stdin })
        assert.deepStrictEqual(first, { applied: 2, replayed: 0, refused: 1 })
        assert.deepInclude(yield* daybook(["verify", "--db", url]), { ok: true, events: 2, streams: 1 })
        const out = yield* daybook(["copy", "--from", url, "--to", `sqlite:${file}`])
        const back = yield* daybook(["copy", "--from", `sqlite:${file}`, "--to", other.of()])
        assert.strictEqual(back.sha256, out.sha256)
        assert.deepInclude(yield* daybook(["verify", "--db", other.of("new.db")]), { ok: true, events: 2 })
        const refused = yield* Cli.run(["restore", file, "--db", url])
        assert.deepStrictEqual([refused.code, /daybook copy/.test(refused.stderr)], [2, true])
      }),
    240_000
  )

  it.runIf(isLong)(
    "the bank's rows end at the oracle's balances, and again they apply nothing; there and back they are the same",
    () =>
      Effect.gen(function* () {
        const [here, other] = [yield* Nats.address, yield* Nats.address]
        const file = join(yield* temporaryFolder, "source.db")
        const url = here.of()
        const summary = { applied: rows, replayed: 0, refused: 0 }
        assert.deepStrictEqual(JSON.parse((yield* importInto(url)).stdout), summary)
        yield* Effect.provide(assertBalances, NatsStore.layer({ url, mode: "existing" }))
        const again = { ...summary, applied: 0, replayed: rows }
        assert.deepStrictEqual(JSON.parse((yield* importInto(url)).stdout), again)
        assert.deepInclude(yield* daybook(["verify", "--db", url]), { ok: true, events: rows + accounts })
        assert.strictEqual((yield* importBerka(file)).code, 0)
        const out = yield* daybook(["copy", "--from", `sqlite:${file}`, "--to", other.of()])
        const back = yield* daybook(["copy", "--from", other.of("new.db"), "--to", `sqlite:${file}.back`])
        assert.strictEqual(back.sha256, out.sha256)
      }).pipe(Effect.scoped, Effect.runPromise),
    600_000
  )
})
