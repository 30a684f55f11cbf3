/**
 * `Projection` declares a read model: the events it wants, its tables, and how a batch of events changes them. What
 * runs it is `ProjectionRunner.ts`; `docs/guides/add-a-projection.md` shows one whole.
 *
 * Its tables exist in generations, so that a rebuild can fill a new one while the old one serves. A name in `tables` is
 * that of a view on the generation that serves; `create` and `apply` get the names of the tables behind it. One more
 * view, `NAME_checkpoint`, has one row with one column, `position`: the last event in the model, for a query to read
 * with its rows. (For a name of more than 52 bytes it is what `TableNames.checkpointOf` returns.)
 */
import type { SqlClient } from "@effect/sql/SqlClient"
import type { Effect } from "effect"
import type * as Event from "../core/Event.ts"
import type { Recorded } from "../core/Recorded.ts"
import * as Selection from "./Selection.ts"
import type { Tables } from "./TableNames.ts"
import * as TableNames from "./TableNames.ts"

export type { Tables }

export interface Options<E extends Event.Any, T extends string> {
  /** Small letters, digits and underscores, at most 63 bytes; not that of another projection or reaction. */
  readonly name: string
  /** Raise it when `create` or `apply` change: the model is then rebuilt from the log. From 1. */
  readonly version: number
  /**
   * The events that it wants, of the aggregate that has them: `Order.event(opened)`, `Order.events`, or `opened` where
   * one aggregate alone uses it. All others are passed over, known or not, and so is an event of that name of another
   * aggregate.
   */
  readonly events: ReadonlyArray<E>
  /** Names of its tables: small letters, digits and underscores, at most 63 bytes; unique in the database. */
  readonly tables: ReadonlyArray<T>
  /**
   * Statements that create the tables, empty, and their indexes. Name an index after the table that is given, as in
   * `${table}_by_owner`: a name of its own would be taken by the model that serves when another is built.
   */
  readonly create: (tables: Tables<T>) => ReadonlyArray<string>
  /**
   * Changes the tables, in a transaction that also moves the checkpoint. Deterministic: the events give the same rows
   * however they are cut into batches. It reads and writes only its own tables, and waits only for the database.
   */
  readonly apply: (
    batch: ReadonlyArray<Recorded<Event.Of<E>>>,
    tables: Tables<T>
  ) => Effect.Effect<void, unknown, SqlClient>
  /**
   * After `maxAttempts` failures on one event: `halt` (default) until an operator retries or skips, or `park` the
   * event's stream and go on with the others, for models in which no row depends on two streams.
   */
  readonly onFailure?: "halt" | "park"
}

export interface Projection<E extends { readonly _tag: string }, T extends string> {
  readonly name: string
  readonly version: number
  readonly selection: Selection.Selection<E>
  readonly tables: ReadonlyArray<T>
  readonly create: (tables: Tables<T>) => ReadonlyArray<string>
  readonly apply: (batch: ReadonlyArray<Recorded<E>>, tables: Tables<T>) => Effect.Effect<void, unknown, SqlClient>
  readonly onFailure: "halt" | "park"
}

// biome-ignore lint/suspicious/noExplicitAny: event and tables are invariant; no other bound takes every projection.
export type Any = Projection<any, any>

/** A defect of the declaration, found when it is made. */
export class InvalidProjection extends Error {
  override readonly name = "InvalidProjection"
}

/** Fails with `InvalidProjection` when a name or the version cannot be used. */
export const make = <E extends Event.Any, const T extends string>(
  options: Options<E, T>
): Projection<Event.Of<E>, T> => {
  const { apply, create, events, name, onFailure = "halt", tables, version } = options
  for (const each of [name, ...tables]) {
    if (TableNames.isName(each)) continue
    throw new InvalidProjection(`${JSON.stringify(each)} cannot name a projection or table: use ${TableNames.rule}`)
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    throw new InvalidProjection(`${name}: versions are whole numbers from 1, not ${version}`)
  }
  return {
    name,
    version,
    selection: Selection.make(`the projection ${name}`, events),
    tables,
    create,
    apply,
    onFailure
  }
}
