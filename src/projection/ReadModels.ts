/** `ReadModels` is the port to what the models answer: all that a query of a read model needs. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"
import type { Generation } from "./Model.ts"

/** Queries of read models, which may wait until the model has come to a position. */
export class ReadModels extends Context.Tag("daybook/projection/ReadModels")<
  ReadModels,
  {
    /**
     * Runs one query of read models and gives its rows as arrays of values. Sees what is committed, and nothing else;
     * cannot write. Dies with `InvalidQuery` where the query is wrong, since to ask again later would not help.
     */
    readonly query: (
      sql: string,
      params: ReadonlyArray<unknown>
    ) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, StoreUnavailable>
    /**
     * Has the queries of this process find this model where they name the views of its projection, and not the one that
     * serves; with null that one again. It is for a process beside a newer release, whose model has other columns.
     */
    readonly show: (projection: string, model: Generation | null) => void
  }
>() {}
