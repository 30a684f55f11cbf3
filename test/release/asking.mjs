/**
 * A process that sends commands to the actors it holds: `node asking.mjs <dist> <db>`, with the commands on standard
 * input, one a line as JSON (`Asks.ts`). It prints what each answered, one a line. No reaction runs in it, so nothing
 * else happens.
 */
import { existsSync } from "node:fs"
import process from "node:process"
import { text } from "node:stream/consumers"
import { Effect, Either, Layer, Logger } from "effect"

const [dist, db] = process.argv.slice(2)
const load = (module) => import(`${dist}/${module}.js`)
const { Account, AccountBehaviour, Transfer, TransferBehaviour } = await load(
  existsSync(`${dist}/bank`) ? "bank/index" : "account/index"
)
const { ActorSystemLocal } = await load("core/index")
const { PostgresStore, SqliteStore } = await load("sql/index")

const store = db.startsWith("sqlite:")
  ? SqliteStore.layer({ filename: db.slice("sqlite:".length) })
  : PostgresStore.layer({ url: db })
const layer = Layer.merge(AccountBehaviour.layer, TransferBehaviour.layer).pipe(
  Layer.provide(ActorSystemLocal.layer),
  Layer.provide(store)
)

const main = Effect.gen(function* () {
  const actors = { Account: yield* Account, Transfer: yield* Transfer }
  const lines = yield* Effect.promise(() => text(process.stdin))
  for (const line of lines.trim().split("\n")) {
    const { aggregate, command, id, options, payload } = JSON.parse(line)
    const asked = yield* Effect.either(actors[aggregate](id).ask(command, payload, options))
    console.log(JSON.stringify(Either.isRight(asked) ? answerOf(asked.right) : { error: asked.left._tag }))
  }
})

const answerOf = ({ commandId, outcome, position, replayed, version }) => ({
  commandId,
  position,
  replayed,
  version,
  ...(Either.isRight(outcome)
    ? { success: outcome.right }
    : { refusal: { _tag: outcome.left._tag, ...outcome.left, message: outcome.left.message } })
})

await Effect.runPromise(main.pipe(Effect.provide(layer), Effect.provide(Logger.remove(Logger.defaultLogger))))
