/** `daybook serve`: the account service over HTTP, until a signal stops it. */
import { readFileSync } from "node:fs"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Config, Duration, Effect, Either, Layer } from "effect"
import * as AccountSummary from "../account/AccountSummary.ts"
import * as Transfers from "../account/Transfers.ts"
import * as ActorConfig from "../core/ActorConfig.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import * as AccountServer from "../http/AccountServer.ts"
import { NodeServer } from "../http/NodeServer.ts"
import * as Tokens from "../http/Tokens.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as Database from "./Database.ts"
import * as Output from "./Output.ts"
import * as Telemetry from "./Telemetry.ts"
import { UsageError } from "./UsageError.ts"

const options = {
  db: Database.databaseOption,
  host: Options.text("host").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_HOST")),
    Options.withDefault("127.0.0.1"),
    Options.withDescription("address to listen on; one that others reach needs --tokens")
  ),
  port: Options.integer("port").pipe(
    Options.withFallbackConfig(Config.integer("DAYBOOK_PORT")),
    Options.withDefault(8_080),
    Options.withDescription("0 takes a free one")
  ),
  durability: Options.choice("durability", ["full", "normal"]).pipe(
    Options.withFallbackConfig(Config.literal("full", "normal")("DAYBOOK_DURABILITY")),
    Options.withDefault("full" as const),
    Options.withDescription("normal survives the death of the process, not the loss of power")
  ),
  tokens: Options.text("tokens").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_TOKENS")),
    Options.optional,
    Options.withDescription("JSON file of the tokens that are accepted")
  )
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)

const readTokens = (file: string): Effect.Effect<ReadonlyArray<Tokens.Token>, UsageError> =>
  Effect.gen(function* () {
    const text = yield* Effect.try({
      try: () => readFileSync(file, "utf8"),
      catch: () => new UsageError({ reason: `the file of tokens ${file} cannot be read` })
    })
    const tokens = Tokens.parse(text)
    if (Either.isRight(tokens)) return tokens.right
    return yield* new UsageError({
      reason: `the file of tokens ${file} is not a JSON list of {"name", "sha256", "scopes"} with at least one entry`
    })
  })

/** Below the time in which a stop must end: the server has waited for its requests before, and so for their commands. */
const shutdownTimeout = Duration.seconds(1)

export const command = Command.make("serve", options, ({ db, durability, host, port, tokens: file }) =>
  Effect.gen(function* () {
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      return yield* new UsageError({ reason: `--port is a number from 0 to 65535, not ${port}` })
    }
    const tokens = file._tag === "Some" ? yield* readTokens(file.value) : null
    if (tokens === null && !isLoopback(host)) {
      return yield* new UsageError({
        reason: `without --tokens everyone who reaches ${host} could do everything; give tokens, or listen on 127.0.0.1`
      })
    }
    const domain = Layer.mergeAll(
      Transfers.layer.pipe(
        Layer.provide(ActorSystemLocal.layer),
        Layer.provide(ActorConfig.layer({ shutdownTimeout }))
      ),
      ProjectionsLocal.layer([AccountSummary.projection])
    )
    const server = AccountServer.layer({ host, port, tokens }).pipe(
      Layer.provide(domain),
      Layer.provide(Database.layer(db, "create", durability)),
      Layer.provide(Telemetry.layer)
    )
    return yield* Effect.gen(function* () {
      const { url } = yield* NodeServer
      yield* Output.line(`listening on ${url}`)
      return yield* Effect.never
    }).pipe(Effect.provide(server))
  })
).pipe(Command.withDescription("Serve accounts over HTTP; SIGTERM stops it in order."))
