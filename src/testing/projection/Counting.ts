/** A model that counts the notes, in a table of any form, and what the cases ask of it. */
import { SqlClient } from "@effect/sql/SqlClient"
import { Effect } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import * as Projection from "../../projection/Projection.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { ReadModels } from "../../projection/ReadModels.ts"
import type { Case } from "../Conformance.ts"
import { caughtUp, Noted, note, service } from "../Notes.ts"
import type { Tampering } from "../Tampering.ts"
import type { OtherSession } from "./OtherSession.ts"

export type ReadSideCase = Case<EventStore | ProjectionStore | OtherSession | Tampering>

/** Counts the notes, in a table of this form; `create` may add to it what it likes. */
export const counting = (
  name: string,
  {
    columns = "one TEXT NOT NULL, count INTEGER NOT NULL",
    table = name,
    version = 1,
    more = () => []
  }: {
    readonly table?: string
    readonly columns?: string
    readonly version?: number
    readonly more?: (table: string) => ReadonlyArray<string>
  } = {}
) =>
  Projection.make({
    name,
    version,
    events: [Noted],
    tables: [table],
    create: (tables) => [`CREATE TABLE ${tables[table]} (${columns})`, ...more(tables[table] as string)],
    apply: (batch, tables) =>
      Effect.forEach(
        batch,
        ({ event }) =>
          Effect.flatMap(SqlClient, (sql) =>
            sql.unsafe(`INSERT INTO ${tables[table]} (one, count) VALUES (?, 1)`, [event.text])
          ),
        { discard: true }
      )
  })

export const query = (sql: string) => Effect.flatMap(ReadModels, (models) => models.query(sql, []))

export const counted = (view: string) =>
  Effect.map(query(`SELECT count(*), sum(count) FROM ${view}`), ([row]) => row?.map(Number))

export const rebuilt = (name: string) =>
  Effect.flatMap(service, (asked) => Effect.zipRight(asked.requestRebuild(name), asked.awaitRebuilt(name)))

export const generationOf = (name: string) =>
  Effect.map(
    query(`SELECT generation FROM projection_models WHERE projection = '${name}' AND live = 1`),
    ([row]) => row?.[0]
  )

/** For a projection that reads what the others read too, and must keep up with them. */
export const keepsUp = Effect.flatMap(note("other", "more"), (position) => caughtUp(position, "other"))
