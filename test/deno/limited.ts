/**
 * The account service with limits of HTTP that `serve` has no option for, as a program: `limited.ts --limits FILE --db sqlite:FILE
 * [--tokens FILE]`. Every limit is a number, times in milliseconds.
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import { parseArgs } from "node:util"
import { Duration, Effect, Either, Layer, Logger } from "effect"
import * as AccountSummary from "../../src/bank/account/AccountSummary.ts"
import { application } from "../../src/bank/Bank.ts"
import * as ActorSystemLocal from "../../src/core/ActorSystemLocal.ts"
import * as ApplicationServer from "../../src/http/ApplicationServer.ts"
import * as HttpConfig from "../../src/http/HttpConfig.ts"
import { NodeServer } from "../../src/http/NodeServer.ts"
import * as Tokens from "../../src/http/Tokens.ts"
import * as ProjectionsLocal from "../../src/projection/ProjectionsLocal.ts"
import * as SqliteStore from "../../src/sql/SqliteStore.ts"

const {
  values: { db = "", limits = "", tokens }
} = parseArgs({
  options: { db: { type: "string" }, limits: { type: "string" }, tokens: { type: "string" } }
})

const read: Readonly<Record<string, number>> = JSON.parse(readFileSync(limits, "utf8"))
const isTime = (name: string): boolean => Duration.isDuration(HttpConfig.defaults[name as keyof HttpConfig.HttpLimits])
const config = HttpConfig.layer(
  Object.fromEntries(Object.entries(read).map(([name, value]) => [name, isTime(name) ? Duration.millis(value) : value]))
)
const known = tokens === undefined ? null : Either.getOrThrow(Tokens.parse(readFileSync(tokens, "utf8")))

Effect.map(NodeServer, ({ url }) => process.stdout.write(`listening on ${url}\n`)).pipe(
  Effect.zipRight(Effect.never),
  Effect.provide(
    ApplicationServer.layer(application, { host: "127.0.0.1", port: 0, tokens: known }).pipe(
      Layer.provide(application.layer.pipe(Layer.provideMerge(ActorSystemLocal.layer))),
      Layer.provide(ProjectionsLocal.layer([AccountSummary.projection])),
      Layer.provide(config),
      Layer.provide(SqliteStore.layer({ filename: db.replace("sqlite:", "") })),
      Layer.provide(Logger.remove(Logger.defaultLogger))
    )
  ),
  Effect.runFork
)
