/**
 * `ProgramFigures` are what `serve` adds to the figures of a service: what runs, on what, the room that its database
 * takes, its cluster.
 */
import process from "node:process"
import { Effect, Layer } from "effect"
import * as ClusterFigures from "../cluster/ClusterFigures.ts"
import * as Reading from "../core/Reading.ts"
import { MoreFigures } from "../http/Figures.ts"
import * as DatabaseFigures from "../sql/DatabaseFigures.ts"
import { SqlDatabase } from "../sql/SqlDatabase.ts"
import { Program } from "./Program.ts"

const runtime = (): string => {
  const deno = (process.versions as Readonly<Record<string, string | undefined>>).deno
  return deno === undefined ? `node ${process.versions.node}` : `deno ${deno}`
}

export const layer = ({ isNode }: { readonly isNode: boolean }): Layer.Layer<never, never, SqlDatabase> =>
  Layer.effect(
    MoreFigures,
    Effect.gen(function* () {
      const { version } = yield* Program
      const database = yield* SqlDatabase
      const labels = { version, runtime: runtime(), database: database.dialect.kind }
      return {
        build: Effect.succeed([{ ...Reading.gauge("daybook.build.info", null, "What runs: always 1", 1), labels }]),
        database: DatabaseFigures.source(database),
        ...(isNode && { cluster: ClusterFigures.source(database.read, database.dialect) })
      }
    })
  )
