/**
 * Stores with one fault each in what becomes of events that a model cannot take, for the rules of `Failures` and
 * `DeadLetters`.
 */
import { Clock, Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { StoreUnavailable } from "../../core/StoreError.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { CheckpointMoved } from "../../projection/ProjectionError.ts"
import { DeadLetters } from "../projection/DeadLetters.ts"
import { Failures } from "../projection/Failures.ts"
import type { Mutant } from "./Mutant.ts"
import { logging, mutant, type ReadSide } from "./PortMutant.ts"

/** The rules that these mutants are made for. */
export const rules = [...Failures, ...DeadLetters]

export const FailureMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant(
    "counts one attempt more than there were",
    ["a handler that fails", "so does bad SQL", "a poison event halts"],
    CheckpointStore,
    ({ noteFailure }) => ({
      noteFailure: (at, failure) =>
        noteFailure(
          at,
          failure !== null && failure.version > 1 ? { ...failure, attempts: failure.attempts + 1 } : failure
        )
    })
  ),
  mutant("says of bad SQL that it failed at the event before", ["so does bad SQL"], CheckpointStore, (store) => ({
    noteFailure: (at, failure) =>
      store.noteFailure(
        at,
        failure?.error.includes("nowhere") ? { ...failure, position: failure.position - 1 } : failure
      )
  })),
  mutant(
    "says of a poison that it is the next event",
    ["a poison event halts", "a dead letter that"],
    CheckpointStore,
    (store) => ({
      noteFailure: (at, failure) =>
        store.noteFailure(at, failure?.streamId === "a" && failure.version === 2 ? { ...failure, version: 3 } : failure)
    })
  ),
  mutant(
    "finds nothing to skip",
    ["an operator's skip", "skipping the event", "a skip that comes"],
    CheckpointStore,
    ({ release }) => ({
      release: (projection, streamId, how, by) =>
        how === "skip" ? Effect.succeed([]) : release(projection, streamId, how, by)
    })
  ),
  mutant(
    "gives an event behind a skipped one other data",
    ["a skip that comes"],
    EventStore,
    logging((event) => [event.streamId === "halt" ? { ...event, data: event.data.replace("later", "late") } : event])
  ),
  mutant("applies a batch twice after its clock went back", ["a clock on the wall"], CheckpointStore, ({ advance }) => {
    let latest = 0
    return {
      advance: (from, move, change) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          latest = Math.max(latest, now)
          return advance(from, move, latest - now > 1_800_000 ? Effect.zipRight(change, change) : change)
        })
    }
  }),
  mutant("applies a batch twice after a defect", ["a defect is tried"], CheckpointStore, ({ advance }) => {
    let hasDied = false
    const note = Effect.sync(() => {
      hasDied = true
    })
    return {
      advance: (from, move, change) =>
        Effect.suspend(() => {
          const twice = hasDied ? Effect.zipRight(change, change) : change
          return Effect.tapErrorTag(advance(from, move, twice), "ApplyFailed", ({ cause }) =>
            String(cause).includes("defect") ? note : Effect.void
          )
        })
    }
  }),
  mutant("counts one attempt more at a dead letter", ["a parked stream waits"], CheckpointStore, ({ deadLetters }) => ({
    deadLetters: (of) =>
      Effect.map(deadLetters(of), (all) => all.map((letter) => ({ ...letter, attempts: letter.attempts + 1 })))
  })),
  mutant(
    "applies twice what it takes up again",
    ["skipping the event", "a skip that comes", "a parked stream waits", "while a long stream", "at the limit"],
    CheckpointStore,
    ({ unpark }) => ({
      unpark: (at, letter, rest, change, taken) => unpark(at, letter, rest, Effect.zipRight(change, change), taken)
    })
  ),
  mutant(
    "lets a model not move while a stream is taken up",
    ["while a long stream"],
    CheckpointStore,
    ({ advance, deadLetters }) => {
      let isTakingUp = false
      return {
        deadLetters: (of) =>
          Effect.tap(deadLetters(of), (letters) =>
            Effect.sync(() => {
              isTakingUp = letters.some(({ retry }) => retry)
            })
          ),
        advance: (from, move, change) =>
          Effect.suspend(() =>
            isTakingUp ? new CheckpointMoved({ ...from, expected: from.position }) : advance(from, move, change)
          )
      }
    }
  ),
  mutant("forgets that a model halted at a second stream", ["at the limit"], CheckpointStore, ({ noteFailure }) => ({
    noteFailure: (at, failure) => noteFailure(at, failure?.streamId === "b" ? { ...failure, halted: false } : failure)
  })),
  mutant("takes no dead letter at first", ["a dead letter that"], CheckpointStore, ({ park }) => {
    let tries = 0
    return {
      park: (from, move, failure) =>
        Effect.suspend(() =>
          tries++ === 0
            ? new StoreUnavailable({ operation: "append", cause: new Error("not yet") })
            : park(from, move, failure)
        )
    }
  })
]
