/**
 * `ModelVerification` compares each read model with a fresh fold of the log up to the model's own checkpoint. The fold
 * is made in a database of its own, under a temporary name, so that the one that is verified is only read.
 *
 * A service may put another model in the place of the one that is compared. On PostgreSQL the views show that one at
 * once, also to a transaction that began before and sees none of its rows. So the tables of the model that served at
 * the beginning are read by their own names, and held: see `hold`.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Either, Layer, Option, Schema } from "effect"
import * as EventLoop from "../core/EventLoop.ts"
import { EventStore, maxPage } from "../core/EventStore.ts"
import * as Batch from "../projection/Batch.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import type { Checkpoint } from "../projection/Model.ts"
import type { Any } from "../projection/Projection.ts"
import { ApplyFailed, InvalidQuery } from "../projection/ProjectionError.ts"
import type { ProjectionStore } from "../projection/ProjectionStore.ts"
import { ReadModels } from "../projection/ReadModels.ts"
import * as Source from "../projection/Source.ts"
import * as SqliteStore from "../sql/SqliteStore.ts"

/** Rows that are compared at once. */
const pageRows = 5_000

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-verify-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** A store for the fold. */
export const scratch = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const layer = SqliteStore.layer({ filename: join(folder, "fold.db"), durability: "normal" })
  return yield* Layer.build(layer)
})

/**
 * The tables of a model were gone when they were to be held: another has taken its place just then, or somebody dropped
 * them.
 */
export class ModelGone extends Schema.TaggedError<ModelGone>()("ModelGone", { projection: Schema.String }) {
  override get message() {
    return `the tables of the read model ${this.projection} are not there; rebuild it`
  }
}

/**
 * Keeps the models that serve now until the transaction ends, within which it must run: on PostgreSQL tables that
 * somebody has read are not dropped. Fails with `ModelGone` where that comes too late.
 */
export const hold = (projections: ReadonlyArray<Any>) =>
  Effect.gen(function* () {
    const generations = yield* GenerationStore
    const models = yield* ReadModels
    for (const { name } of projections) {
      const live = Option.getOrUndefined(yield* generations.find(name))?.live
      for (const table of Object.values(live?.tables ?? {})) {
        yield* Effect.catchSomeDefect(models.query(`SELECT 1 FROM ${table} LIMIT 0`, []), (defect) =>
          defect instanceof InvalidQuery ? Option.some(new ModelGone({ projection: name })) : Option.none()
        )
      }
    }
  })

/** Folds the log up to the model's checkpoint, without what operators and failures took out of the model. */
export const fold = Effect.fnUntraced(function* (
  projection: Any,
  model: Checkpoint,
  scratch: Context.Context<ProjectionStore>
) {
  const events = yield* EventStore
  const checkpoints = yield* CheckpointStore
  const target = Context.get(scratch, CheckpointStore)
  const generations = Context.get(scratch, GenerationStore)
  const letters = new Map(
    (yield* checkpoints.deadLetters(model)).map(({ position, streamId }) => [streamId as string, position])
  )
  const positions = yield* checkpoints.skipped(model)
  yield* generations.register(projection.name, "projection")
  const begun = yield* generations.beginShadow(projection)
  let at: Checkpoint = begun
  while (at.position < model.position) {
    const read = yield* Effect.either(events.readAll(at.position, maxPage))
    if (Either.isLeft(read)) {
      if (read.left._tag !== "StreamDamaged") return yield* Effect.fail(read.left)
      const { position, streamId } = Source.placeOf(read.left)
      // The model halts at it, unless it was taken out.
      if (!positions.has(position) && position < (letters.get(streamId) ?? Infinity)) return undefined
      yield* target.advance(at, { to: position, events: 1, rate: 0 }, Effect.void)
      at = { ...at, position }
      continue
    }
    const page = read.right.events.filter(({ position }) => position <= model.position)
    const parked = page.flatMap((event) =>
      event.position >= (letters.get(event.streamId) ?? Infinity) ? [event.position] : []
    )
    const batch = Batch.make(projection, at.position, page, {
      streams: new Set(),
      positions: new Set([...positions, ...parked])
    })
    // What cannot be read was said where the log was read.
    if (batch.unreadable !== undefined || page.length === 0) return undefined
    const change =
      batch.events.length === 0
        ? Effect.void
        : Effect.mapError(
            projection.apply(batch.events, begun.tables),
            (cause) => new ApplyFailed({ projection: projection.name, cause })
          )
    yield* target.advance(at, { to: batch.to, events: batch.passed, rate: 0 }, change)
    at = { ...at, position: batch.to }
  }
  return begun
})

/** A row as both databases give it: PostgreSQL keeps the symbol of U+0000 in its place. */
const textOf = (row: ReadonlyArray<unknown> | undefined) => JSON.stringify(row)?.replaceAll("\\u0000", "\u2400")

/** The first difference between two tables of one form, or undefined. */
export const difference = Effect.fnUntraced(function* (
  served: ReadModels["Type"],
  table: string,
  servedTable: string,
  folded: ReadModels["Type"],
  foldedTable: string
) {
  const columns = (yield* folded.query(
    `SELECT count(*) FROM pragma_table_info('${foldedTable}')`,
    []
  ))[0]?.[0] as number
  const order = Array.from({ length: columns }, (_, index) => index + 1).join(", ")
  for (let from = 0; ; from += pageRows) {
    const select = (name: string) => `SELECT * FROM ${name} ORDER BY ${order} LIMIT ${pageRows} OFFSET ${from}`
    const [have, want] = yield* Effect.all([
      served.query(select(servedTable), []),
      folded.query(select(foldedTable), [])
    ])
    for (let index = 0; index < Math.max(have.length, want.length); index++) {
      if (textOf(have[index]) === textOf(want[index])) continue
      // Only the key: the rest of a row may be personal data.
      const key = String((want[index] ?? have[index])?.[0])
      return `${table}: the row ${key} is not what its events give`
    }
    if (have.length < pageRows) return undefined
    yield* EventLoop.turn
  }
})

/** What is wrong with the model of this projection, or undefined. One that is not built yet is not wrong. */
export const verify = Effect.fnUntraced(function* (projection: Any) {
  const generations = yield* GenerationStore
  const served = yield* ReadModels
  const events = yield* EventStore
  const row = Option.getOrUndefined(yield* generations.find(projection.name))
  const live = row?.live ?? null
  const head = yield* events.lastPosition
  for (const model of [live, row?.shadow ?? null]) {
    if (model?.isAhead) {
      return { model, problem: `its checkpoint is ahead of the log, which ends at ${head} and has no such event` }
    }
  }
  // One of another version is rebuilt by the next process that runs it.
  if (live === null || live.version !== projection.version) return undefined
  return yield* Effect.gen(function* () {
    const target = yield* scratch
    const begun = yield* fold(projection, live, target)
    if (begun === undefined) return undefined
    for (const [table, foldedTable] of Object.entries(begun.tables)) {
      const problem = yield* difference(
        served,
        table,
        live.tables[table] ?? table,
        Context.get(target, ReadModels),
        foldedTable
      )
      if (problem !== undefined) return { model: live, problem }
    }
    return undefined
  }).pipe(
    Effect.scoped,
    Effect.catchTag("ApplyFailed", ({ message }) =>
      Effect.succeed({ model: live, problem: `its events cannot be folded: ${message}` })
    )
  )
})
