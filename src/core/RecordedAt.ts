/**
 * `RecordedAt` is the rule of an entry's time, which its events share: that of the clock, and never before the entry
 * before it in the journal; so a clock that is set back a little changes no order. But an entry whose time was far
 * ahead would hold all later entries to that time until the clock reaches it. So after an entry that is further ahead
 * of the clock than a bound (`maxClockLead`), entries have the clock's time again.
 *
 * The journal shows such an entry by the next one, whose time is earlier by more than the bound. It is reported where
 * it is noticed, `verify` notes it, and time travel dates its events as the event before them.
 */
import { Duration, Effect, LogLevel } from "effect"
import * as ActorMetrics from "./ActorMetrics.ts"
import * as Elapsed from "./Elapsed.ts"
import * as FaultLog from "./FaultLog.ts"
import type { JournalEntry } from "./Journal.ts"
import * as Limits from "./Limits.ts"

export interface ClockOptions {
  /**
   * How far ahead of the clock an entry may be recorded and hold later ones to its time. Above what clocks of several
   * processes differ by. Default 1 minute.
   */
  readonly maxClockLead?: Duration.DurationInput
}

/** In milliseconds. Throws `Limits.InvalidLimit` when it is outside its range. */
export const maxClockLeadOf = ({ maxClockLead = "1 minute" }: ClockOptions): number =>
  Duration.toMillis(
    Limits.change(
      { maxClockLead: Duration.minutes(1) },
      { maxClockLead: [1, Limits.day] },
      { maxClockLead: Duration.decode(maxClockLead) }
    ).maxClockLead
  )

/** An entry that may have been ahead of the clock. */
export type Timed = Pick<JournalEntry, "sequence" | "recordedAt">

/** Whether a time is ahead of another one, the clock's or that of a later entry, by more than the bound. */
export const isAhead = (recordedAt: number, time: number, maxClockLead: number): boolean =>
  recordedAt - Math.floor(time) > maxClockLead

/** The time of an entry after one of this time, in whole milliseconds whatever the clock gives. */
export const next = (last: number, now: number, maxClockLead: number): number =>
  isAhead(last, now, maxClockLead) ? Math.floor(now) : Math.max(last, Math.floor(now))

/** Whether an entry is before the one before it, and that one was not so far ahead as to explain it. */
export const isBefore = (recordedAt: number, last: number, maxClockLead: number): boolean =>
  recordedAt < last && !isAhead(last, recordedAt, maxClockLead)

/**
 * How often at most it is logged while it goes on, for example with two processes whose clocks differ; milliseconds.
 */
const reportInterval = 60_000

/**
 * Reports the journal's last entry where another one follows it by a clock that it was ahead of: each such entry in the
 * metric, in the log no more than one a minute.
 */
export const reporter = (maxClockLead: number) => {
  let lastAt = Number.NEGATIVE_INFINITY
  return ({ recordedAt, sequence }: Timed, now: number): Effect.Effect<void> => {
    if (!isAhead(recordedAt, now, maxClockLead)) return Effect.void
    return Effect.flatMap(Elapsed.millis, (elapsed) => {
      ActorMetrics.recordedAhead()
      if (elapsed - lastAt < reportInterval) return Effect.void
      lastAt = elapsed
      return FaultLog.report(
        LogLevel.Warning,
        "an entry of the journal was recorded ahead of the clock; later ones have the clock's time again. Check the clocks.",
        { sequence, aheadMillis: recordedAt - Math.floor(now) }
      )
    })
  }
}
