/** What a timer decides. */
import { describe, it } from "@effect/vitest"
import {
  behaviour,
  Timer,
  TimerCancelled,
  TimerFired,
  TimerNotDue,
  TimerNotPending,
  TimerScheduled
} from "../../src/projection/Timer.ts"
import * as AggregateSpec from "../../src/testing/AggregateSpec.ts"

const spec = AggregateSpec.make(Timer, behaviour)
const command = { aggregate: "Bell", id: "tower", command: "Ring", payload: "{}", payloadVersion: 1 }
const far = 8_000_000_000_000_000
const scheduled = TimerScheduled.make({ due: far, ...command })
const past = TimerScheduled.make({ due: 0, ...command })
const fired = { early: false, reason: null, ...command }

describe("Timer", () => {
  it.effect("does not fire before its time, whatever asks, and is asked again", () =>
    spec.given(scheduled).when("Fire", { version: 1 }).failsWith(TimerNotDue)
  )
  it.effect("fires once its time has come", () =>
    spec
      .given(past)
      .when("Fire", { version: 1 })
      .emits(TimerFired.make({ due: 0, ...fired }))
  )
  it.effect("does not fire for a schedule that it no longer waits for", () =>
    spec.given(past, past).when("Fire", { version: 1 }).emitsNothing()
  )
  it.effect("does not fire twice", () =>
    spec
      .given(past, TimerFired.make({ due: 0, ...fired }))
      .when("Fire", { version: 1 })
      .emitsNothing()
  )
  it.effect("does not fire once it was cancelled", () =>
    spec
      .given(past, TimerCancelled.make({ reason: null }))
      .when("Fire", { version: 1 })
      .emitsNothing()
  )
  it.effect("is not cancelled once it has fired", () =>
    spec
      .given(past, TimerFired.make({ due: 0, ...fired }))
      .when("Cancel", {})
      .failsWith(TimerNotPending)
  )
  it.effect("fires before its time where an operator says so, and says that it did", () =>
    spec
      .given(scheduled)
      .when("FireNow", { reason: "the fair" })
      .emits(TimerFired.make({ due: far, ...fired, early: true, reason: "the fair" }))
  )
  it.effect("is moved with the command that it has", () =>
    spec
      .given(scheduled)
      .when("Move", { at: 5 })
      .emits(TimerScheduled.make({ due: 5, ...command }))
  )
})
