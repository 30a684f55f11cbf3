/** `ReadModels` is the port to what the models answer: all that a query of a read model needs. */
import { Context, type Effect } from "effect"
import type { StoreUnavailable } from "../core/StoreError.ts"

export class ReadModels extends Context.Tag("daybook/projection/ReadModels")<
  ReadModels,
  {
    /**
     * Runs one query of read models and gives its rows as arrays of values. Sees what is committed, and nothing else; cannot
     * write. Dies with `InvalidQuery` where the query is wrong, since to ask again later would not help.
     */
    readonly query: (
      sql: string,
      params: ReadonlyArray<unknown>
    ) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, StoreUnavailable>
  }
>() {}
