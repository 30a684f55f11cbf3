/**
 * `Loading` reads one stream to its end, for an actor or a read. Each page is read in its turn among all that recover
 * (`RecoveryQueue`), and has its own time limit from then on. So a long stream is loaded however long it takes while it
 * makes progress, and one without progress is given up. What was read is kept: after a fault the next attempt goes on
 * from there.
 */
import { Duration, Effect } from "effect"
import type { ActorLimits } from "./ActorConfig.ts"
import type { AnyDefinition, Committed } from "./Definition.ts"
import type { EventStore } from "./EventStore.ts"
import type { Patience } from "./Patience.ts"
import type { RecoveryQueue } from "./RecoveryQueue.ts"
import * as Replay from "./Replay.ts"
import type { SnapshotStore } from "./SnapshotStore.ts"
import type { StreamId } from "./StreamId.ts"

/** What all loads share. */
export interface Host {
  readonly limits: ActorLimits
  readonly store: EventStore["Type"]
  readonly snapshots: SnapshotStore["Type"]
  readonly recoveries: RecoveryQueue
  readonly patience: Patience
  /** Milliseconds by a clock that only goes forward: for all that waits. */
  readonly elapsed: () => number
}

/** The store did not answer in time. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer"
  constructor({ recoveryTimeout }: ActorLimits) {
    super(`no answer within ${Duration.format(recoveryTimeout)} (recoveryTimeout)`)
  }
}

export class Loading {
  private readonly host: Host
  private readonly definition: AnyDefinition
  private readonly streamId: StreamId
  private progress: Replay.Progress<unknown> | undefined
  /** Pages that it has read. */
  pages = 0
  /** When it is given up unless it makes progress; undefined while it waits for its turn. */
  deadline: number | undefined

  /** From the newest snapshot, or from a state of the stream. */
  constructor(host: Host, definition: AnyDefinition, streamId: StreamId, from?: Committed<unknown>) {
    this.host = host
    this.definition = definition
    this.streamId = streamId
    if (from !== undefined) this.progress = { committed: from, snapshotVersion: 0, isDone: false }
  }

  private readonly page = Effect.suspend(() => {
    const { limits, patience, snapshots, store } = this.host
    // From when it has its turn: a cold start of many is not the fault of the last one.
    this.deadline ??= this.host.elapsed() + Duration.toMillis(limits.recoveryTimeout)
    const step = Replay.step(store, snapshots, this.definition, this.streamId, this.progress)
    return patience.until(this.deadline, step, () => new NoAnswer(limits))
  })

  /** Reads on to the end, from where it was. */
  readonly toEnd: Effect.Effect<Replay.Recovered<unknown>, Replay.ReplayError | NoAnswer> = Effect.suspend(() =>
    Effect.flatMap(this.host.recoveries.within(this.pages, this.page), (progress) => {
      this.progress = progress
      this.pages++
      this.deadline = undefined
      return progress.isDone ? Effect.succeed(progress) : this.toEnd
    })
  )
}
