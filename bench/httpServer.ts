/**
 * The server of `http.bench.ts`, as a process of its own: `daybook FOLDER` or `constant FOLDER`. Prints its address.
 */
import { join } from "node:path"
import process from "node:process"
import { Effect, Either, Layer, Logger } from "effect"
import { Account } from "../src/bank/account/Account.ts"
import * as AccountSummary from "../src/bank/account/AccountSummary.ts"
import { application } from "../src/bank/Bank.ts"
import * as ActorSystemLocal from "../src/core/ActorSystemLocal.ts"
import * as ApplicationServer from "../src/http/ApplicationServer.ts"
import { NodeServer } from "../src/http/NodeServer.ts"
import * as ProjectionsLocal from "../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../src/sql/SqliteStore.ts"

const [mode = "", folder = ""] = process.argv.slice(2)

/** Accounts that know one answer: all of the server but the actors and the store. */
const receipt = { accountId: "account-1", balance: "12.50", currency: "EUR", version: 2, position: 2 }
const reply = { outcome: Either.right(receipt), commandId: "constant", replayed: false, version: 2, position: 2 }
const constant = Layer.succeed(Account, (() => ({ ask: () => Effect.succeed(reply) })) as never)

const actors = Layer.provideMerge(application.layer, ActorSystemLocal.layer)
const domain = mode === "constant" ? Layer.merge(actors, constant) : actors

Effect.map(NodeServer, ({ url }) => process.stdout.write(`${url}\n`)).pipe(
  Effect.zipRight(Effect.never),
  Effect.provide(
    ApplicationServer.layer(application, { host: "127.0.0.1", port: 0, tokens: null }).pipe(
      Layer.provide(domain),
      Layer.provide(ProjectionsLocal.layer([AccountSummary.projection])),
      Layer.provide(SqliteStore.layer({ filename: join(folder, "daybook.db") })),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )
  ),
  Effect.runFork
)
