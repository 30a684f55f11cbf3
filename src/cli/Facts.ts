/**
 * `Facts` is what a serving program says of itself in the console: its release, its database, and each setting with its
 * source.
 */
import process from "node:process"
import { Clock, Config, Effect, Layer, Option } from "effect"
import { StoreUnavailable } from "../core/StoreError.ts"
import { ServiceFacts, type Setting } from "../http/ServiceFacts.ts"
import * as DatabaseFigures from "../sql/DatabaseFigures.ts"
import { innermost, SqlDatabase } from "../sql/SqlDatabase.ts"
import { Program } from "./Program.ts"

/** The options of a verb, by their names in the program. */
export type Settings = Readonly<Record<string, string | number | Option.Option<string | number>>>

/**
 * `payloadDays` is `--payload-days` and `DAYBOOK_PAYLOAD_DAYS`: one rule for all, which a test holds each option to.
 */
const wordsOf = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
export const flagOf = (name: string): string => `--${wordsOf(name)}`
export const variableOf = (name: string): string => `DAYBOOK_${wordsOf(name).replaceAll("-", "_").toUpperCase()}`

const isGiven = (flag: string): boolean =>
  process.argv.some((argument) => argument === flag || argument.startsWith(`${flag}=`))

const isSet = (variable: string): Effect.Effect<boolean> =>
  Effect.map(Effect.option(Config.string(variable)), Option.isSome)

const shown = (value: Settings[string]): string | null =>
  Option.isOption(value) ? Option.getOrNull(Option.map(value, String)) : String(value)

/** Each setting with its source. `database` is shown in place of its address, which may hold a password. */
export const settingsOf = (
  settings: Settings,
  database: string,
  given: ReadonlySet<string>
): Effect.Effect<ReadonlyArray<Setting>> =>
  Effect.forEach(Object.entries(settings), ([key, value]) => {
    const variable = variableOf(key)
    return Effect.map(isSet(variable), (fromVariable): Setting => {
      const source = given.has(key) || isGiven(flagOf(key)) ? "flag" : fromVariable ? "environment" : "default"
      return { name: wordsOf(key), value: key === "db" ? database : shown(value), source, variable }
    })
  })

export interface Given {
  /** Where this process is reached by the other nodes of its cluster. Default: it is alone. */
  readonly self?: string | null
  /** Settings that the command line gave without their option. Default: none. */
  readonly given?: ReadonlySet<string>
}

export const layer = (
  settings: Settings,
  { given = new Set(), self = null }: Given = {}
): Layer.Layer<never, never, SqlDatabase> =>
  Layer.effect(
    ServiceFacts,
    Effect.gen(function* () {
      const { version } = yield* Program
      const database = yield* SqlDatabase
      const unavailable = (error: unknown) => new StoreUnavailable({ operation: "read", cause: innermost(error) })
      const nodes = Effect.gen(function* () {
        const ClusterFigures = yield* Effect.promise(() => import("../cluster/ClusterFigures.ts"))
        const all = yield* Effect.mapError(ClusterFigures.nodes(database.read, database.dialect), unavailable)
        const now = yield* Clock.currentTimeMillis
        return all.map(({ address, isAlive, seconds, shards }) => {
          return { address, healthy: isAlive, lastHeartbeat: Math.floor(now - seconds * 1_000), shards }
        })
      })
      const sizes = Effect.map(Effect.mapError(DatabaseFigures.source(database), unavailable), (readings) =>
        readings.map(({ description, value }) => ({ what: description, bytes: value }))
      )
      return {
        release: version,
        backend: database.dialect.kind,
        database: database.name,
        settings: yield* settingsOf(settings, database.name, given),
        sizes,
        self,
        nodes: self === null ? Effect.succeed([]) : nodes
      }
    })
  )
