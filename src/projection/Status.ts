/**
 * `Status` turns what the store keeps of a projection or reaction into what an operator sees, and says whether a human
 * is needed.
 */
import type { Abandonment, DeadLetter, Model, ProjectionRow, Skip } from "./Model.ts"
import type { ProjectionStatus, Trouble } from "./Projections.ts"

/** What is looked up beside the row, after it: a log that grew meanwhile makes no model seem ahead. */
export interface Seen {
  /** Position of the log's end. */
  readonly target: number
  /** Events between the model and the log's end. */
  readonly lagEvents: number
  /** Age of the oldest event that is not in the model, in milliseconds. */
  readonly lagMillis: number
  readonly letters: ReadonlyArray<DeadLetter>
  readonly lettersOfShadow: ReadonlyArray<DeadLetter>
  readonly skipped: ReadonlyArray<Skip>
  readonly abandoned: ReadonlyArray<Abandonment>
  /** The version that this program declares. */
  readonly known: number | undefined
  /**
   * Whether a process of the newer release that made the model is at work. Undefined where no newer release made it.
   */
  readonly isNewerRun: boolean | undefined
}

const noEvent = { position: null, streamId: null, version: null, type: null }

const aheadError = ({ kind }: ProjectionRow, { position }: Model, target: number): string =>
  kind === "projection"
    ? `its checkpoint ${position} is at no event of this log, which ends at ${target} and was restored: rebuild it`
    : `it has reacted to events up to position ${position}, of which this log lacks the last: it ends at ${target} and was restored. ` +
      "What it did for those that are gone is done; look it over, then `daybook projections resume` has it go on from the log's end"

/** The model that a newer release built. This release does not touch it unless somebody asked it to build its own. */
const newersOf = (
  { live, shadow }: ProjectionRow,
  { isNewerRun, known = Number.POSITIVE_INFINITY }: Seen
): Model | undefined => {
  const model = live ?? (isNewerRun === true ? null : shadow)
  return model !== null && model.version > known && shadow?.version !== known ? model : undefined
}

const newerError = (name: string, { version }: Model, { isNewerRun, known }: Seen): string => {
  const whose = `the model is of version ${version}, which a newer release built; this one has version ${known}`
  return isNewerRun === true
    ? `${whose}, and answers no queries of it while that one is at work`
    : `${whose}, and no process of that one is at work: start it again, or where it was rolled back have a model of version ${known} ` +
        `built in its place with \`daybook rebuild ${name}\``
}

const troubleOf = (row: ProjectionRow, seen: Seen): Trouble | null => {
  const { build, live, shadow } = row
  const { letters, target } = seen
  if (live?.isAhead) return { step: "ahead", ...noEvent, attempts: 1, error: aheadError(row, live, target) }
  if (live?.failure != null) return { step: "apply", ...live.failure }
  const newers = newersOf(row, seen)
  if (newers !== undefined && newers.failure === null) {
    const attempts = seen.isNewerRun === true ? 0 : 1
    return { step: "newer", ...noEvent, attempts, error: newerError(row.name, newers, seen) }
  }
  if (build !== null) return { step: build.step, ...noEvent, attempts: build.attempts, error: build.error }
  const failure = shadow?.failure ?? letters[0]
  return failure === undefined ? null : { step: "apply", ...failure }
}

/** Whether it waits for a human, paused or not. */
const isHalted = (row: ProjectionRow, seen: Seen): boolean =>
  [row.live?.failure, row.shadow?.failure, row.build].some((failure) => failure?.halted === true) ||
  (newersOf(row, seen) !== undefined && seen.isNewerRun !== true)

const stateOf = (row: ProjectionRow, seen: Seen): ProjectionStatus["status"] => {
  const { build, live, paused, shadow } = row
  if (live?.isAhead) return "ahead"
  if (paused) return "paused"
  if (isHalted(row, seen) || newersOf(row, seen) !== undefined) return "halted"
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

export const of = (found: ProjectionRow, seen: Seen): ProjectionStatus => {
  // One that a newer release began before it was rolled back is not built by any process.
  const { known = Number.POSITIVE_INFINITY } = seen
  const isLeft = found.live !== null && seen.isNewerRun === false && (found.shadow?.version ?? 0) > known
  const row = isLeft && found.shadow?.failure === null ? { ...found, shadow: null } : found
  const { kind, live, name, shadow } = row
  const { abandoned, lagEvents, lagMillis, letters, lettersOfShadow, skipped, target } = seen
  const position = live?.position ?? 0
  return {
    name,
    kind,
    version: live?.version ?? 0,
    status: stateOf(row, seen),
    isHalted: isHalted(row, seen),
    position,
    lag: { events: lagEvents, seconds: lagMillis / 1_000 },
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
 * How many things wait for a human: streams behind an event that failed too often, and a model that halted or is ahead.
 * One that a newer release took over has failed at nothing, unless that release is gone.
 */
export const stuckOf = ({ deadLetters, isHalted, status }: ProjectionStatus): number =>
  deadLetters.length + (status === "ahead" || isHalted ? 1 : 0)
