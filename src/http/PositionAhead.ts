/**
 * `PositionAhead` refuses a position that the log does not have: the client got it from another log, or from this one
 * before it was restored. To wait there would be to wait for events that it then took for others. Only the process that
 * writes the log refuses, and looks for its end when it has been asked: any other one may not have heard of the newest
 * events.
 */
import { Effect } from "effect"
import type { EventStore } from "../core/EventStore.ts"
import * as Failures from "./Failures.ts"
import { Problem } from "./Problem.ts"

/** Fails where the position is beyond the end. */
export const refuse = (store: EventStore["Type"], position: number | undefined) =>
  position === undefined || position === 0
    ? Effect.void
    : Effect.flatMap(Effect.mapError(store.writtenEnd, Failures.ofLookup), (end) =>
        end === undefined || position <= end
          ? Effect.void
          : Effect.fail(new Problem("position-ahead", { detail: `the log ends at position ${end}` }))
      )
