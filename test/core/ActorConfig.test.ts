/** The limits of the actor runtime: what they may be, and how a wrong one is named. */
import { Duration } from "effect"
import { assert, describe, it } from "vitest"
import * as ActorConfig from "../../src/core/ActorConfig.ts"

describe("ActorConfig.layer", () => {
  const refused: ReadonlyArray<readonly [Record<string, unknown>, RegExp]> = [
    [{ maxRecoveries: 0 }, /maxRecoveries is 0; it is a whole number from 1 to 100000$/],
    [{ maxLiveActors: 0 }, /maxLiveActors is 0; it is a whole number from 1 /],
    [{ maxBatch: 0 }, /maxBatch is 0; /],
    [{ mailboxCapacity: -1 }, /mailboxCapacity is -1; /],
    [{ recoveryAttempts: 0 }, /recoveryAttempts is 0; /],
    [{ conflictRetries: 1.5 }, /conflictRetries is 1.5; /],
    [{ snapshotsKept: Number.NaN }, /snapshotsKept is NaN; /],
    [{ maxWaitingActors: Number.POSITIVE_INFINITY }, /maxWaitingActors is Infinity; /],
    [{ maxBatch: undefined }, /maxBatch is undefined; /],
    [{ maxBatch: Duration.seconds(1) }, /maxBatch is .*; it is a whole number/],
    // Duration itself makes 0 of what is negative.
    [
      { appendTimeout: Duration.millis(-5) },
      /appendTimeout is 0 milliseconds; it is a duration of 1 to 86400000 milli/
    ],
    [{ recoveryTimeout: Duration.infinity }, /recoveryTimeout is Infinity milliseconds; /],
    [{ idleTimeout: Duration.zero }, /idleTimeout is 0 milliseconds; /],
    [{ idleTimeout: 5_000 }, /idleTimeout is 5000; it is a duration/],
    [{ idleTimeout: "2 minutes" }, /idleTimeout is 2 minutes; it is a duration/],
    [
      { minBackoff: Duration.seconds(11) },
      /maxBackoff is shorter than minBackoff \(10000 and 11000 milliseconds\): the backoff could not grow$/
    ],
    [{ recoveryTimeout: Duration.millis(100) }, /recoveryTimeout is not longer than minBackoff \(100 and 100 milli/],
    [{ maxBatch: 4_001 }, /Limits.group.rows is smaller than maxBatch \(4000 and 4001\): a batch would not fit/],
    [{ maxBatchCharacters: 8_388_609 }, /Limits.group.characters is smaller than maxBatchCharacters/]
  ]
  it.each(refused)("refuses %o, and says which limit, its value and its range", (limits, message) => {
    assert.throws(() => ActorConfig.layer(limits as never), message)
  })

  it("takes the ends of the ranges, and no passivation at all", () => {
    ActorConfig.layer({})
    ActorConfig.layer({ idleTimeout: Duration.infinity, minBackoff: Duration.zero, maxBackoff: Duration.zero })
    ActorConfig.layer({ maxBatch: 4_000, maxBatchCharacters: 8_388_608, recoveryTimeout: Duration.millis(101) })
    ActorConfig.layer({ maxBatch: 1, maxLiveActors: 1, maxWaitingActors: 0, maxRecoveries: 1, snapshotEvery: 0 })
  })
})
