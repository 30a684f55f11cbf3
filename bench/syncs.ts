/** Sends commands one after the other and says so, for `syncs.sh` to watch the system calls in between. */
import { writeSync } from "node:fs"
import process from "node:process"
import { Effect, Layer } from "effect"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"
import { deposit, Ledger, LedgerLive } from "./Ledger.ts"

const [, , filename = "", commands = ""] = process.argv
const say = (text: string) => Effect.sync(() => writeSync(1, `${text}\n`))

const program = Effect.gen(function* () {
  const ledger = (yield* Ledger)("one")
  yield* ledger.Deposit(deposit(0))
  yield* say("answers begin")
  for (let number = 1; number <= Number(commands); number++) {
    yield* ledger.Deposit(deposit(number))
    yield* say(`answer ${number}`)
  }
  yield* say("answers end")
})
const layer = LedgerLive.pipe(Layer.provide(ActorSystemLocal.layer), Layer.provide(SqliteStore.layer({ filename })))
await Effect.runPromise(Effect.provide(program, layer))
