/** The limits of the read side: what they may be, and how a wrong one is named. */
import { Duration } from "effect"
import { assert, describe, it } from "vitest"
import * as ProjectionConfig from "../../src/projection/ProjectionConfig.ts"

describe("ProjectionConfig.layer", () => {
  const refused: ReadonlyArray<readonly [Partial<ProjectionConfig.ProjectionLimits>, RegExp]> = [
    [{ maxBatch: 0 }, /maxBatch is 0; it is a whole number from 1 to 100000$/],
    [{ busyBatch: 0.5 }, /busyBatch is 0.5; /],
    [{ maxAttempts: 0 }, /maxAttempts is 0; /],
    [{ maxDeadLetters: -1 }, /maxDeadLetters is -1; /],
    [{ maxInFlight: Number.NaN }, /maxInFlight is NaN; /],
    [{ pollInterval: Duration.zero }, /pollInterval is 0 milliseconds; /],
    [{ heartbeat: Duration.infinity }, /heartbeat is Infinity milliseconds; /],
    [{ maxBackoff: Duration.millis(1) }, /maxBackoff is shorter than minBackoff/],
    [{ maxAhead: 63 }, /maxAhead is smaller than maxInFlight \(63 and 64\)/]
  ]
  it.each(refused)("refuses %o, and says which limit, its value and its range", (limits, message) => {
    assert.throws(() => ProjectionConfig.layer(limits), message)
  })
})
