/** `daybook relay`: the log to NATS or Kafka, until a signal stops it; and where it goes on. */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Config, Effect, Layer, Option } from "effect"
import type { Application } from "../projection/Application.ts"
import type * as EventFilter from "../projection/EventFilter.ts"
import type * as Registration from "../projection/Registration.ts"
import * as RelayName from "../projection/RelayName.ts"
import * as Database from "./Database.ts"
import * as OperatorOptions from "./OperatorOptions.ts"
import * as Output from "./Output.ts"
import * as Setting from "./Setting.ts"
import * as UntilSignal from "./UntilSignal.ts"
import { UsageError } from "./UsageError.ts"
import * as WholeNumber from "./WholeNumber.ts"

const several = (name: string, description: string) =>
  Options.text(name).pipe(Options.repeated, Options.withDescription(description))

const options = {
  db: Database.databaseOption,
  to: Options.text("to").pipe(
    Options.withFallbackConfig(Config.string("DAYBOOK_RELAY_TO")),
    Options.optional,
    Options.withDescription(
      Setting.described("where to: nats://HOST:PORT/TOPIC or kafka://HOST:PORT/TOPIC", { variable: "DAYBOOK_RELAY_TO" })
    )
  ),
  name: Options.text("name").pipe(
    Options.withDefault("main"),
    Options.withDescription(
      Setting.described("name by which it is known and goes on; each relay of a log has its own", { standard: "main" })
    )
  ),
  from: Options.text("from").pipe(
    Options.optional,
    Options.withDescription(
      Setting.described("where a new one begins: beginning, now, or behind a position", {
        standard: "none, and then a log with events needs it"
      })
    )
  ),
  type: several("type", "only events of this type, by its stored name; may be given several times"),
  aggregate: several("aggregate", "only events of this aggregate; may be given several times"),
  stream: Options.text("stream").pipe(
    Options.optional,
    Options.withDescription("only events of streams whose id begins so")
  )
}

const startOf = (from: string): Registration.StartFrom | undefined => {
  if (from === "beginning" || from === "now") return from
  return /^\d{1,15}$/.test(from) ? { after: Number(from) } : undefined
}

interface Given {
  readonly type: ReadonlyArray<string>
  readonly aggregate: ReadonlyArray<string>
  readonly stream: Option.Option<string>
}

const filterOf = ({ aggregate, stream, type }: Given): EventFilter.EventFilter => ({
  ...(type.length > 0 && { types: new Set(type) }),
  ...(aggregate.length > 0 && { aggregates: new Set(aggregate) }),
  ...(stream._tag === "Some" && { streamPrefix: stream.value })
})

const rewind = Command.make(
  "rewind",
  {
    db: Database.databaseOption,
    json: Output.jsonOption,
    ...OperatorOptions.options,
    name: Args.text({ name: "RELAY" }),
    position: WholeNumber.argument("POSITION", { least: 0 })
  },
  ({ db, json, name, position, ...given }) =>
    Effect.gen(function* () {
      const Rewind = yield* Effect.promise(() => import("../relay/Rewind.ts"))
      const done = yield* Rewind.to(name, position, OperatorOptions.toBy(given))
      const text = `${name}: goes on behind position ${position} in the process that runs it`
      yield* Output.result(json, done, [OperatorOptions.told(done, text)])
    }).pipe(Effect.provide(Database.layer(db, "existing")))
).pipe(
  Command.withDescription("Have a relay go on behind a position: it sends again, or passes over, what is behind it.")
)

// Its code is loaded by those who relay, and the client of a destination when it is first reached.
export const command = (app: Application) =>
  Command.make("relay", options, ({ db, from, name, to, ...given }) =>
    Effect.gen(function* () {
      yield* UntilSignal.begin
      if (to._tag === "None") {
        return yield* new UsageError({
          reason: "say where to with --to nats://HOST:PORT/TOPIC or kafka://HOST:PORT/TOPIC"
        })
      }
      if (!RelayName.isValid(name)) {
        return yield* new UsageError({ reason: "--name is 1 to 64 small letters, digits and underscores" })
      }
      const startFrom = Option.map(from, startOf)
      if (startFrom._tag === "Some" && startFrom.value === undefined) {
        return yield* new UsageError({ reason: "--from is beginning, now or a position" })
      }
      const [Relay, RelayAddress] = yield* Effect.promise(() =>
        Promise.all([import("../relay/Relay.ts"), import("../relay/RelayAddress.ts")])
      )
      const outlet = RelayAddress.parse(to.value)
      if (typeof outlet === "string") return yield* new UsageError({ reason: `--to is not an address: ${outlet}` })
      const start = Option.getOrUndefined(startFrom)
      const relay = Relay.make({
        name,
        outlet,
        filter: filterOf(given),
        ...(start !== undefined && { startFrom: start })
      })
      yield* Layer.build(Relay.layer(app, relay)).pipe(
        Effect.zipRight(Output.line(`relaying to ${outlet.name} as ${name}`)),
        Effect.zipRight(Effect.never),
        Effect.provide(Database.layer(db, "existing"))
      )
    }).pipe(Effect.scoped)
  ).pipe(
    Command.withDescription("Send the log to NATS or Kafka as CloudEvents; SIGTERM stops it in order."),
    Command.withSubcommands([rewind])
  )
