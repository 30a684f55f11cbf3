/** What a conformance suite is made of: named effects that fail by dying, so that any test runner can run them. */
import type { Effect } from "effect"

export interface Case<R> {
  /** What is promised, and the number of the case, as in `a stale expected version … (ES2)`. */
  readonly name: string
  readonly run: Effect.Effect<void, unknown, R>
}
