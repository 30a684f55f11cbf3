/** `daybook serve`: the application over HTTP, until a signal stops it. */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Config, Effect } from "effect"
import type { Application } from "../projection/Application.ts"
import * as Database from "./Database.ts"
import * as Setting from "./Setting.ts"
import * as UntilSignal from "./UntilSignal.ts"
import * as WholeNumber from "./WholeNumber.ts"

/** A thousand years. */
const maxPayloadDays = 365_000

/** Exported for the page of settings, which is made from them. */
export const options = {
  db: Database.databaseOption,
  host: Options.text("host").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_HOST")),
    Options.withDefault("127.0.0.1"),
    Options.withDescription(
      Setting.described("address to listen on; one that others reach needs --tokens", {
        variable: "DAYBOOK_HOST",
        standard: "127.0.0.1"
      })
    )
  ),
  port: WholeNumber.option("port", { ...WholeNumber.ports, variable: "DAYBOOK_PORT" }).pipe(
    Options.withDefault(8_080),
    Options.withDescription(
      Setting.described("port to listen on; 0 takes a free one", { variable: "DAYBOOK_PORT", standard: "8080" })
    )
  ),
  durability: Options.choice("durability", ["full", "normal"]).pipe(
    Options.withFallbackConfig(Config.literal("full", "normal")("DAYBOOK_DURABILITY")),
    Options.withDefault("full" as const),
    Options.withDescription(
      Setting.described("normal survives the death of the process, not the loss of power", {
        variable: "DAYBOOK_DURABILITY",
        standard: "full"
      })
    )
  ),
  tokens: Options.text("tokens").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_TOKENS")),
    Options.optional,
    Options.withDescription(
      Setting.described("JSON file of the tokens that are accepted", { variable: "DAYBOOK_TOKENS" })
    )
  ),
  jwks: Options.text("jwks").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_JWKS")),
    Options.optional,
    Options.withDescription(
      Setting.described("keys of an issuer whose JSON Web Tokens are accepted: a file, or an https URL", {
        variable: "DAYBOOK_JWKS"
      })
    )
  ),
  issuer: Options.text("issuer").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_ISSUER")),
    Options.optional,
    Options.withDescription(Setting.described("the issuer, as its tokens name it", { variable: "DAYBOOK_ISSUER" }))
  ),
  audience: Options.text("audience").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_AUDIENCE")),
    Options.optional,
    Options.withDescription(Setting.described("whom its tokens must be for", { variable: "DAYBOOK_AUDIENCE" }))
  ),
  rate: WholeNumber.option("rate", { least: 1, variable: "DAYBOOK_RATE" }).pipe(
    Options.optional,
    Options.withDescription(
      Setting.described("requests a second that one token may make", {
        variable: "DAYBOOK_RATE",
        standard: "as many as it likes"
      })
    )
  ),
  sessionKey: Options.text("session-key").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_SESSION_KEY")),
    Options.optional,
    Options.withDescription(
      Setting.described(
        "file of the key that sign-ins of browsers are sealed with, the same for all nodes of a cluster",
        {
          variable: "DAYBOOK_SESSION_KEY",
          standard: "a new one for each start"
        }
      )
    )
  ),
  payloadDays: WholeNumber.option("payload-days", {
    least: 0,
    most: maxPayloadDays,
    variable: "DAYBOOK_PAYLOAD_DAYS"
  }).pipe(
    Options.withDefault(90),
    Options.withDescription(
      Setting.described("days for which payloads of keyed commands are kept, to explain refusals; 0 keeps none", {
        variable: "DAYBOOK_PAYLOAD_DAYS",
        standard: "90"
      })
    )
  ),
  cluster: Options.text("cluster").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_CLUSTER")),
    Options.optional,
    Options.withDescription(
      Setting.described("HOST:PORT where the other nodes of a cluster reach this one, on a private network", {
        variable: "DAYBOOK_CLUSTER",
        standard: "alone"
      })
    )
  )
}

// Loaded when asked for: the server is as much code as all other verbs together.
export const command = (app: Application) =>
  Command.make("serve", options, (settings) =>
    Effect.zipRight(
      UntilSignal.begin,
      Effect.flatMap(
        Effect.promise(() => import("./Service.ts")),
        (service) => service.run(app, settings)
      )
    )
  ).pipe(Command.withDescription("Serve over HTTP; SIGTERM stops it in order."))
