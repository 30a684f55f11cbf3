/**
 * `SlowStatements` reports statements that took longer than they may: their text, which holds no value, and how long.
 */
import { Effect, LogLevel } from "effect"
import * as FaultLog from "../core/FaultLog.ts"

/** Milliseconds from which a statement or a commit is reported. */
export const defaultLimitMs = 500

/** Characters of a statement that are reported. */
const maxText = 300

const tell = (what: string, ms: number, more: object) =>
  FaultLog.report(LogLevel.Warning, what, { milliseconds: Math.round(ms), ...more })

/** Runs a query, and reports it when it was slow, even when it failed. */
export const query = <A, E, R>(limitMs: number, sql: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.onExit(effect, () => {
      const took = performance.now() - start
      if (took < limitMs) return Effect.void
      return tell("a slow statement", took, { statement: sql.replace(/\s+/g, " ").trim().slice(0, maxText) })
    })
  })

/** Reports a group of commands whose transaction was slow. `since`: when it began, by `performance.now`. */
export const commit = (since: number): Effect.Effect<void> => {
  const took = performance.now() - since
  return took < 2 * defaultLimitMs ? Effect.void : tell("a slow commit", took, {})
}
