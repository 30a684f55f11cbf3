/**
 * `ModelSwap` puts a model that is built in the place of the one that serves, or removes a projection, in one
 * transaction.
 *
 * On PostgreSQL that waits for the readers of what is replaced. So it is a separate transaction beside the writer.
 * First it takes the locks of the views, waiting for a moment at most, and meanwhile holds up only new readers of this
 * model; then it takes the writers' lock, for as long as it takes to change a few rows.
 */
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import { type OutcomeUnknown, StoreUnavailable } from "../core/StoreError.ts"
import * as Lease from "../projection/Lease.ts"
import type { Checkpoint, Generation } from "../projection/Model.ts"
import { CheckpointMoved, SwapFailed } from "../projection/ProjectionError.ts"
import * as TableNames from "../projection/TableNames.ts"
import * as BesideWriter from "./BesideWriter.ts"
import * as ModelTables from "./ModelTables.ts"
import * as ModelViews from "./ModelViews.ts"
import { here, keyOf, type Row, selection, states } from "./ProjectionRows.ts"
import { innermost, SqlDatabase } from "./SqlDatabase.ts"
import { Writer } from "./Writer.ts"

/** The names of the views of the model that serves. */
const shownNow = (connection: Connection, projection: string) =>
  Effect.map(
    connection.executeValues(
      `SELECT version, generation, tables FROM projection_models WHERE projection = ? AND live = ${states.live}`,
      [projection]
    ),
    ([row]) =>
      row === undefined ? [] : Object.keys(TableNames.parse(row[2] as string, row[0] as number, row[1] as number))
  )

/** The tables of other projections' models that have views of these names; of several models the newest one's. */
const heirsOf = (connection: Connection, projection: string, views: ReadonlyArray<string>) =>
  Effect.map(
    connection.executeValues(
      `SELECT version, generation, tables FROM projection_models WHERE projection <> ? AND live = ${states.live}
       ORDER BY started_at`,
      [projection]
    ),
    (rows): ReadonlyMap<string, string> =>
      new Map(
        rows
          .flatMap((row) => Object.entries(TableNames.parse(row[2] as string, row[0] as number, row[1] as number)))
          .filter(([view]) => views.includes(view))
      )
  )

/** Who has a lock, for the operator. */
const selectHolders = (condition: string) => `SELECT format('pid %s, user %s%s, %s since %s', a.pid, a.usename,
    CASE WHEN a.application_name = '' THEN '' ELSE ', ' || a.application_name END, a.state, a.xact_start::timestamptz(0))
  FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
  WHERE l.granted AND ${condition} ORDER BY a.xact_start LIMIT 5`
const ofView = "l.relation = to_regclass(quote_ident(?))"

/** Somebody reads what is to be replaced, or writes for longer than the swap waits. */
class Awaited extends Error {
  override readonly name = "Awaited"
}

type ViewFailed = ModelViews.ViewsDepend | ModelViews.NameTaken

const make = Effect.gen(function* () {
  const { isAhead } = yield* selection
  const database = yield* SqlDatabase
  const writer = yield* Writer
  const { dialect } = database
  const beside = BesideWriter.make(database)

  const holders = (condition: string, ...params: ReadonlyArray<string>) =>
    Effect.map(database.read(selectHolders(condition), params), (rows) => rows.map((row: Row) => String(row[0])))

  /** What it waits for: those who read the views, or, once it has these, those who write. */
  const awaited = (views: ReadonlyArray<string>, isWritersTurn: boolean) => {
    const found =
      isWritersTurn && beside !== null
        ? holders(beside.isWritersLock)
        : Effect.map(
            Effect.forEach(views, (view) => holders(ofView, view)),
            (found) => [...new Set(found.flat())]
          )
    const what = isWritersTurn ? "write" : `read ${views.join(", ")}`
    return found.pipe(
      // It is only for the operator.
      Effect.orElseSucceed((): ReadonlyArray<string> => []),
      Effect.map((who) => `it waits for those who ${what}: ${who.length === 0 ? "nobody any more" : who.join("; ")}`)
    )
  }

  /** The error of the exchange, as the caller gets it. */
  const failed = (projection: string, views: ReadonlyArray<string>, isWritersTurn: boolean, error: unknown) =>
    Effect.gen(function* () {
      if (beside?.isLocked(error) === true) {
        const cause = new Awaited(yield* awaited(views, isWritersTurn), { cause: innermost(error) })
        return yield* new SwapFailed({ projection, mayPass: true, cause })
      }
      if (error instanceof SqlError && !dialect.isMistake(error)) {
        return yield* new StoreUnavailable({ operation: "append", cause: innermost(error) })
      }
      return yield* new SwapFailed({ projection, mayPass: false, cause: innermost(error) })
    })

  /** Replaces the views and then makes the change, in one transaction. */
  const exchange = <A, E>(
    projection: string,
    shown: ReadonlyArray<ModelViews.Shown>,
    change: (connection: Connection) => Effect.Effect<A, E | SqlError>
  ): Effect.Effect<A, E | SwapFailed | StoreUnavailable | OutcomeUnknown> => {
    let views: ReadonlyArray<string> = []
    let isWritersTurn = false
    const replace = Effect.fnUntraced(function* (connection: Connection) {
      const before = yield* shownNow(connection, projection)
      const own = new Set(shown.map(({ view }) => view))
      views = [...new Set([...before, ...own])]
      const left = before.filter((view) => !own.has(view))
      // A projection that was renamed took them along, and its queries go on.
      const heirs = yield* heirsOf(connection, projection, left)
      const gone = left.filter((view) => !heirs.has(view))
      const inherited = Array.from(heirs, ([view, table]) => ({ view, table }))
      const checkpoint = before.length === 0 && shown.length > 0 ? [TableNames.checkpointOf(projection)] : []
      yield* ModelViews.assertFree(connection, dialect, [...own, ...checkpoint])
      yield* ModelViews.replace(dialect)(connection, [...shown, ...inherited], gone)
    })
    const isOwn = (error: unknown): error is SqlError | ViewFailed =>
      error instanceof SqlError || error instanceof ModelViews.ViewsDepend || error instanceof ModelViews.NameTaken
    const told = <B, X>(effect: Effect.Effect<B, X | SqlError | ViewFailed>) =>
      Effect.catchIf(effect, isOwn, (error) => failed(projection, views, isWritersTurn, error)) as Effect.Effect<
        B,
        Exclude<X, SqlError | ViewFailed> | SwapFailed | StoreUnavailable
      >
    if (beside === null) {
      return Effect.suspend(() => {
        let result: A
        const ridden = writer.ride(0, (connection) =>
          Effect.map(told(Effect.zipRight(replace(connection), change(connection))), (value) => {
            result = value
          })
        )
        return Effect.map(ridden, () => result)
      }) as Effect.Effect<A, E | SwapFailed | StoreUnavailable | OutcomeUnknown>
    }
    return beside
      .transact(projection, (adapted) =>
        Effect.gen(function* () {
          const connection = dialect.own(adapted)
          yield* replace(connection)
          isWritersTurn = true
          yield* beside.lockWriters(connection)
          return yield* change(connection)
        })
      )
      .pipe(told) as Effect.Effect<A, E | SwapFailed | StoreUnavailable>
  }

  /** Removes the model that served, or keeps it for the processes of its release, which go on using it. */
  const leave = Effect.fnUntraced(function* (connection: Connection, live: Checkpoint, isOlder: boolean) {
    const { generation, projection, version } = live
    const [run] = isOlder
      ? yield* connection.executeValues(
          `SELECT 1 FROM projection_leases WHERE projection = ? AND expires_at > ${dialect.now}`,
          [Lease.nameOf(projection, version)]
        )
      : []
    if (run === undefined) return void (yield* ModelTables.drop(connection, dialect, live))
    yield* connection.executeRaw(
      `UPDATE projection_models SET live = ${states.former} WHERE projection = ? AND generation = ?`,
      [projection, generation]
    )
  })

  const swap = (shadow: Generation, live: Checkpoint | null) => {
    const shown = Object.entries(shadow.tables).map(([view, table]) => ({ view, table }))
    return exchange(
      shadow.projection,
      shown,
      Effect.fnUntraced(function* (connection) {
        const { generation, position: expected, projection } = live ?? shadow
        const [served] = yield* connection.executeValues(
          `SELECT m.generation, m.position, ${isAhead} FROM projection_models AS m
           WHERE m.projection = ? AND m.live = ${states.live}`,
          [projection]
        )
        const [serving, position = 0, ahead = 0] = (served ?? []) as ReadonlyArray<number>
        // One that is ahead of the log is at a position that means nothing.
        if (serving !== live?.generation || (ahead === 0 && position > shadow.position)) {
          return yield* new CheckpointMoved({ projection, generation, expected })
        }
        const swapped = yield* connection.executeValues(
          `UPDATE projection_models SET live = ${states.live} WHERE ${here} AND live = ${states.shadow} RETURNING generation`,
          keyOf(shadow)
        )
        if (swapped.length === 0) return yield* new CheckpointMoved({ projection, generation, expected })
        if (live !== null) yield* leave(connection, live, live.version < shadow.version && ahead === 0)
        // This model has the events whose skips an operator undid.
        const lifted = "projection = ? AND lifted_after < ?"
        yield* connection.executeRaw(
          `DELETE FROM projection_skips WHERE projection = ? AND EXISTS (SELECT 1 FROM projection_skip_notes AS n
             WHERE n.projection = projection_skips.projection AND n.version = projection_skips.version
               AND n.position = projection_skips.position AND n.lifted_after < ?)`,
          [projection, shadow.generation]
        )
        yield* connection.executeRaw(`DELETE FROM projection_skip_notes WHERE ${lifted}`, [
          projection,
          shadow.generation
        ])
        const view = TableNames.checkpointOf(projection)
        yield* ModelViews.ensure(connection, dialect, view, ModelViews.checkpointQuery(projection))
        yield* connection.executeRaw("UPDATE projections SET rebuild_requested = 0 WHERE name = ?", [projection])
        yield* connection.executeRaw(`DELETE FROM projection_models WHERE projection = ? AND live = ${states.build}`, [
          projection
        ])
      })
    )
  }

  const remove = (projection: string) =>
    exchange(
      projection,
      [],
      Effect.fnUntraced(function* (connection) {
        for (const view of [TableNames.checkpointOf(projection), `${projection}_checkpoint`]) {
          yield* connection.executeRaw(`DROP VIEW IF EXISTS ${ModelViews.quoted(view)}`, [])
        }
        const models = yield* connection.executeValues(
          "SELECT generation FROM projection_models WHERE projection = ?",
          [projection]
        )
        for (const [generation] of models) {
          if (yield* ModelTables.drop(connection, dialect, { projection, generation: generation as number })) continue
          const cause = new Awaited(`somebody reads the tables of ${projection}; try again`)
          return yield* new SwapFailed({ projection, mayPass: true, cause })
        }
        for (const table of ["projection_skips", "projection_skip_notes"]) {
          yield* connection.executeRaw(`DELETE FROM ${table} WHERE projection = ?`, [projection])
        }
        const ofVersions = `${projection}${Lease.versionMark}`
        yield* connection.executeRaw(
          "DELETE FROM projection_leases WHERE projection = ? OR substr(projection, 1, CAST(? AS INTEGER)) = ?",
          [projection, [...ofVersions].length, ofVersions]
        )
        const removed = yield* connection.executeValues("DELETE FROM projections WHERE name = ? RETURNING name", [
          projection
        ])
        return removed.length > 0
      })
    )

  return { swap, remove }
})

export { make }
