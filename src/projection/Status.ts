/** `Status` makes of what the store keeps of a projection or reaction what an operator is told, and whether a human is needed. */
import type { Abandonment, DeadLetter, Model, ProjectionRow, Skip } from "./Model.ts"
import type { ProjectionStatus, Trouble } from "./Projections.ts"

/** What is looked up beside the row, after it: a log that grew meanwhile makes no model seem ahead. */
export interface Seen {
  /** Position of the log's end. */
  readonly target: number
  /** Age of the oldest event that is not in the model, in milliseconds. */
  readonly lagMillis: number
  readonly letters: ReadonlyArray<DeadLetter>
  readonly lettersOfShadow: ReadonlyArray<DeadLetter>
  readonly skipped: ReadonlyArray<Skip>
  readonly abandoned: ReadonlyArray<Abandonment>
  /** The version that this program declares. */
  readonly known: number | undefined
}

const noEvent = { position: null, streamId: null, version: null, type: null }

const aheadError = ({ kind }: ProjectionRow, { position }: Model, target: number): string =>
  kind === "projection"
    ? `its checkpoint ${position} is at no event of this log, which ends at ${target} and was restored: build it anew`
    : `it has reacted to events up to position ${position}, of which this log lacks the last: it ends at ${target} and was restored. ` +
      "What it did for those that are gone is done; look it over, then `daybook projections resume` has it go on from the log's end"

const troubleOf = (row: ProjectionRow, { letters, target }: Seen): Trouble | null => {
  const { build, live, shadow } = row
  if (live?.isAhead) return { step: "ahead", ...noEvent, attempts: 1, error: aheadError(row, live, target) }
  if (live?.failure != null) return { step: "apply", ...live.failure }
  if (build !== null) return { step: build.step, ...noEvent, attempts: build.attempts, error: build.error }
  const failure = shadow?.failure ?? letters[0]
  return failure === undefined ? null : { step: "apply", ...failure }
}

const stateOf = (row: ProjectionRow, { known }: Seen): ProjectionStatus["status"] => {
  const { build, live, paused, shadow } = row
  if (live?.isAhead) return "ahead"
  if (paused) return "paused"
  const failures = [live?.failure, shadow?.failure, build]
  // A newer release has built the model: this one does not touch it.
  if (failures.some((failure) => failure?.halted) || (live?.version ?? 0) > (known ?? Infinity)) return "halted"
  // A model that is built and waits for a reader to go is not failing.
  if (live?.failure != null || shadow?.failure != null || build?.step === "create") return "backing off"
  return shadow !== null || live === null ? "rebuilding" : "running"
}

/** Seconds that the shadow has to go. Positions may leave out any number, so that the distance is scaled to events. */
const secondsLeft = ({ events, position, rate }: Model, target: number): number | null => {
  if (rate === 0) return null
  const eventsPerPosition = position === 0 ? 1 : events / position
  return (Math.max(target - position, 0) * eventsPerPosition) / rate
}

export const of = (row: ProjectionRow, seen: Seen): ProjectionStatus => {
  const { kind, live, name, shadow } = row
  const { abandoned, lagMillis, letters, lettersOfShadow, skipped, target } = seen
  const position = live?.position ?? 0
  return {
    name,
    kind,
    version: live?.version ?? 0,
    status: stateOf(row, seen),
    position,
    lag: { events: Math.max(target - position, 0), seconds: lagMillis / 1_000 },
    rate: live?.rate ?? 0,
    lastError: troubleOf(row, seen),
    deadLetters: [...letters, ...lettersOfShadow],
    skipped,
    abandoned,
    rebuild:
      shadow === null
        ? null
        : {
            position: shadow.position,
            target,
            eventsPerSecond: shadow.rate,
            secondsLeft: secondsLeft(shadow, target)
          }
  }
}

/**
 * How many things wait for a human: streams behind an event that failed too often, and a model that halted or is ahead. One that a
 * newer release took over has failed at nothing.
 */
export const stuckOf = ({ deadLetters, lastError, status }: ProjectionStatus): number =>
  deadLetters.length + (status === "ahead" || (status === "halted" && lastError !== null) ? 1 : 0)
