/** What a conformance suite is made of: named effects that fail by dying, so that any test runner can run them. */
import type { Effect } from "effect"

export interface Case<R> {
  /** Begins with the number of the case, as in `ES2 a stale expected version …`. */
  readonly name: string
  readonly run: Effect.Effect<void, unknown, R>
}
