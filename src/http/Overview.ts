/**
 * `Overview` is how the service is, in one look. It measures nothing by itself: rates are the difference to an earlier
 * look, of which it keeps those of the last minute.
 */
import { Clock, Effect } from "effect"
import * as Elapsed from "../core/Elapsed.ts"
import { EventStore } from "../core/EventStore.ts"
import { type ProjectionStatus, Projections } from "../projection/Projections.ts"
import * as Status from "../projection/Status.ts"
import type * as ConsoleViews from "./ConsoleViews.ts"
import * as Failures from "./Failures.ts"
import * as MetricReader from "./MetricReader.ts"
import { Readiness } from "./Readiness.ts"
import { ServiceFacts } from "./ServiceFacts.ts"
import { Tokens } from "./Tokens.ts"

interface Look {
  readonly at: number
  readonly position: number
  readonly commands: number
  readonly commits: MetricReader.Distribution
}

/** How long looks are kept, and how far apart they are at least: so there are few, however often somebody looks. */
const windowMs = 60_000
const intervalMs = 1_000

const timeOf = (millis: number): string | null => (millis === 0 ? null : new Date(millis).toISOString())

const round = (value: number): number => Math.round(value * 10) / 10

const inMilliseconds = (seconds: number | null): number | null => seconds && round(seconds * 1_000)

const ratesOf = (before: Look | undefined, now: Look): ConsoleViews.Overview["rates"] => {
  if (before === undefined) {
    return {
      windowSeconds: null,
      eventsPerSecond: null,
      commandsPerSecond: null,
      commits: null,
      commitP50Ms: null,
      commitP99Ms: null
    }
  }
  const seconds = (now.at - before.at) / 1_000
  return {
    windowSeconds: round(seconds),
    // Less where the log was restored to an earlier end meanwhile.
    eventsPerSecond: round(Math.max(now.position - before.position, 0) / seconds),
    commandsPerSecond: round((now.commands - before.commands) / seconds),
    commits: now.commits.count - before.commits.count,
    commitP50Ms: inMilliseconds(MetricReader.quantile(0.5, before.commits, now.commits)),
    commitP99Ms: inMilliseconds(MetricReader.quantile(0.99, before.commits, now.commits))
  }
}

type Alarm = ConsoleViews.Overview["alarms"][number]

const alarmsOf = (status: ProjectionStatus): ReadonlyArray<Alarm> => {
  const { deadLetters, isHalted, kind, name, status: state } = status
  const what = kind === "reaction" ? "process" : "projection"
  const alarm = (severity: Alarm["severity"], detail: string): Alarm => ({ severity, what, name, detail })
  const found: Array<Alarm> = []
  if (state === "ahead") found.push(alarm("error", "it is ahead of the log, which was restored"))
  if (isHalted) found.push(alarm("error", "it has halted at a failure and waits for somebody"))
  const waiting = deadLetters.length
  if (waiting > 0)
    found.push(
      alarm("error", `${waiting} ${waiting === 1 ? "stream waits" : "streams wait"} behind an event that fails`)
    )
  if (state === "backing off") found.push(alarm("warning", "its last attempt failed; it tries again"))
  if (state === "paused") found.push(alarm("warning", "it is paused until somebody resumes it"))
  return found
}

type Check = ConsoleViews.Overview["checks"][number]

const checkOf = (name: Check["name"], wrong: ReadonlyArray<string>, well: string): Check => ({
  name,
  ok: wrong.length === 0,
  detail: wrong.length === 0 ? well : wrong.join(", ")
})

/** How it is now, each time it is asked. */
export const make = (name: string) =>
  Effect.gen(function* () {
    const store = yield* EventStore
    const projections = yield* Projections
    const readiness = yield* Readiness
    const { isReadOnly } = yield* Tokens
    const { release } = yield* ServiceFacts
    const start = yield* Elapsed.millis
    let looks: ReadonlyArray<Look> = []

    const keep = (look: Look) => {
      const recent = looks.filter(({ at }) => look.at - at <= windowMs)
      const last = recent.at(-1)
      looks = last === undefined || look.at - last.at >= intervalMs ? [...recent, look] : recent
    }

    return Effect.gen(function* () {
      const [head, all] = yield* Effect.all([store.journalHead, projections.list])
      const takesCommits = isReadOnly || (yield* readiness.isReady)
      const now = yield* Elapsed.millis
      const metrics = MetricReader.read()
      const look: Look = {
        at: now,
        position: head.position,
        commands: metrics.sum("daybook.commands"),
        commits: metrics.distribution("daybook.commit.duration")
      }
      keep(look)
      // One moment alone has no rate.
      const before = looks.find(({ at }) => now - at >= intervalMs)
      const failed = metrics.sum("daybook.actor.recovery.failures")
      const ahead = metrics.sum("daybook.log.recorded.ahead")
      const needy = (kind: ProjectionStatus["kind"]) =>
        all.filter((status) => status.kind === kind && Status.stuckOf(status) > 0).map((status) => status.name)
      const alarms: ReadonlyArray<Alarm> = [
        ...(takesCommits
          ? []
          : [{ severity: "error", what: "store", name: "store", detail: "it takes no commits at present" } as const]),
        ...all.flatMap(alarmsOf),
        ...(ahead === 0
          ? []
          : [
              {
                severity: "warning",
                what: "clock",
                name: "clock",
                detail: `${ahead} entries were further ahead of the clock than they may be`
              } as const
            ])
      ]
      return {
        at: new Date(yield* Clock.currentTimeMillis).toISOString(),
        name,
        release,
        uptimeSeconds: Math.floor((now - start) / 1_000),
        checks: [
          checkOf("store", takesCommits ? [] : ["takes no commits"], isReadOnly ? "is read only" : "takes commits"),
          { name: "recovery", ok: true, detail: failed === 0 ? "none has failed" : `${failed} have failed so far` },
          checkOf("projections", needy("projection"), "none waits for anybody"),
          checkOf("processes", needy("reaction"), "none waits for anybody")
        ],
        head: {
          logId: head.logId,
          epoch: head.epoch,
          position: head.position,
          sequence: head.sequence,
          recordedAt: timeOf(head.recordedAt)
        },
        rates: ratesOf(before, look),
        actors: {
          live: metrics.sum("daybook.actor.live"),
          recoveries: metrics.sum("daybook.actor.recoveries"),
          passivations: metrics.sum("daybook.actor.passivations"),
          waiting: metrics.sum("daybook.mailbox.depth")
        },
        projections: all.map((status) => ({
          name: status.name,
          kind: status.kind,
          status: status.status,
          position: status.position,
          lag: status.lag,
          stuck: Status.stuckOf(status)
        })),
        waits: {
          subscribers: metrics.sum("daybook.http.subscribers"),
          requests: metrics.sum("daybook.http.waits")
        },
        alarms
      } satisfies ConsoleViews.Overview
    }).pipe(Effect.mapError(Failures.ofLookup))
  })
