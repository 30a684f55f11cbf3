/** `--db` and `--prefix`: which database a verb works on, and by what names its tables go there. */
import * as Options from "@effect/cli/Options"
import { Config, Effect, Layer, Option } from "effect"
import * as NatsAddress from "../nats/NatsAddress.ts"
import * as Setting from "./Setting.ts"
import { UsageError } from "./UsageError.ts"

const addressOption = Options.text("db").pipe(
  Options.withFallbackConfig(Config.string("DAYBOOK_DB")),
  Options.withDefault("sqlite:daybook.db"),
  Options.withDescription(
    Setting.described("sqlite:FILE, sqlite::memory:, postgres://… or nats://HOST:PORT/STREAM", {
      variable: "DAYBOOK_DB",
      standard: "sqlite:daybook.db"
    })
  )
)

const prefixOption = Options.text("prefix").pipe(
  Options.withFallbackConfig(Config.string("DAYBOOK_PREFIX")),
  Options.optional,
  Options.withDescription(
    Setting.described("what the names of Daybook's tables begin with, in a database that is the application's own", {
      variable: "DAYBOOK_PREFIX"
    })
  )
)

/** Which database, and by what names its tables go there. The address may hold a password and so is never repeated. */
export interface Place {
  readonly address: string
  /** None: a SQLite file is Daybook's alone, and the names of tables in PostgreSQL have no prefix. */
  readonly prefix: Option.Option<string>
}

export const databaseOption: Options.Options<Place> = Options.all({ address: addressOption, prefix: prefixOption })

/** How a verb opens it: `create` also makes a missing one, `readOnly` works while another process writes. */
export type Mode = "create" | "existing" | "readOnly"

/** The file of an address of SQLite; undefined where it is another address, or that of a database in memory. */
export const fileOf = ({ address }: Place): string | undefined => {
  const file = /^sqlite:(.+)$/.exec(address)?.[1]
  return file === ":memory:" ? undefined : file
}

export const isPostgres = ({ address }: Place): boolean => /^postgres(?:ql)?:\/\/./.test(address)

export const isNats = ({ address }: Place): boolean => NatsAddress.isNats(address)

/** Whether several processes may serve it, so that one of them must keep its read models. */
export const isShared = (place: Place): boolean => isPostgres(place) || isNats(place)

/** Its stores, whose code is loaded for those who open them. */
export const layer = (place: Place, mode: Mode, durability: "full" | "normal" = "full") =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const { address } = place
      const options = {
        mode,
        durability,
        ...Option.match(place.prefix, { onNone: () => ({}), onSome: (prefix) => ({ prefix }) })
      }
      if (isPostgres(place)) {
        const PostgresStore = yield* Effect.promise(() => import("../sql/PostgresStore.ts"))
        return PostgresStore.layer({ url: address, ...options })
      }
      if (isNats(place)) {
        const parsed = NatsAddress.parse(address)
        if (typeof parsed === "string")
          return yield* new UsageError({ reason: `--db is not an address of NATS: ${parsed}` })
        if (Option.isSome(place.prefix)) {
          return yield* new UsageError({
            reason: "--prefix is for tables beside others, and the local file of NATS has none"
          })
        }
        const NatsStore = yield* Effect.promise(() => import("../nats/NatsStore.ts"))
        return NatsStore.layer({ url: address, mode, durability })
      }
      const filename = /^sqlite:(.+)$/.exec(address)?.[1]
      if (filename === undefined) {
        return yield* new UsageError({
          reason: "--db is not a database's address; give sqlite:FILE, postgres://… or nats://…"
        })
      }
      const SqliteStore = yield* Effect.promise(() => import("../sql/SqliteStore.ts"))
      return SqliteStore.layer({ filename, ...options })
    })
  )
