/** Stores with one fault each in what operators had done, for the rules of `OperatorConformance`. */
import { Effect } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { ExclusionStore } from "../../projection/ExclusionStore.ts"
import type { Mutant } from "./Mutant.ts"
import { changingBy, mutant, type ReadSide } from "./PortMutant.ts"

/** A store that forgets of some moves what they left out. */
const unaware = (isOne: (skipped: ReadonlyArray<number>) => boolean) => {
  const change = ({ advance, unpark }: CheckpointStore["Type"]): Partial<CheckpointStore["Type"]> => ({
    advance: (from, { skipped, ...move }, work) =>
      advance(from, skipped === undefined || isOne(skipped) ? move : { ...move, skipped }, work),
    unpark: (at, letter, rest, work, taken) =>
      unpark(at, letter, rest, work, taken?.skipped === true && isOne([taken.position]) ? undefined : taken)
  })
  return change
}

export const OperatorMutants: ReadonlyArray<Mutant<ReadSide>> = [
  mutant("forgets who had an event skipped", ["a skip is listed"], ExclusionStore, ({ skips }) => ({
    skips: (projection) => Effect.map(skips(projection), (all) => all.map((skip) => ({ ...skip, principal: null })))
  })),
  mutant("rebuilds a model for each skip undone", ["a skip that no model"], ExclusionStore, ({ unskip }) => ({
    unskip: (...asked) => Effect.map(unskip(...asked), (undone) => ({ ...undone, rebuilds: true }))
  })),
  mutant(
    "does not look whether the skips still hold that a move goes by",
    ["a skip that is undone"],
    CheckpointStore,
    unaware((skipped) => skipped.length > 0)
  ),
  mutant(
    "does not look for skips that a move does not know",
    ["a skip that comes just"],
    CheckpointStore,
    unaware((skipped) => skipped.length === 0)
  ),
  mutant("says of no operation that it was done before", ["what is asked of"], EventStore, ({ operate }) => ({
    operate: (operation, work) => Effect.map(operate(operation, work), (done) => ({ ...done, replayed: false }))
  })),
  mutant("gives each who takes up the same what there was", ["of two operators"], ExclusionStore, ({ takeUp }) => {
    const found = new Map<string, Effect.Effect.Success<ReturnType<typeof takeUp>>>()
    return {
      takeUp: (reaction, streamId) =>
        Effect.map(takeUp(reaction, streamId), (events) => {
          if (events.length > 0) found.set(streamId, events)
          return found.get(streamId) ?? events
        })
    }
  }),
  mutant(
    "does not say what an abandoned event leaves undone",
    ["what is done instead", "of two operators"],
    ExclusionStore,
    ({ abandonments }) => ({
      abandonments: (reaction) =>
        Effect.map(abandonments(reaction), (all) => all.map((each) => ({ ...each, undone: null })))
    })
  ),
  {
    name: "takes up what was abandoned when something is stored",
    fails: ["what was abandoned"],
    of: changingBy(EventStore, ExclusionStore, ({ append }, { takeUp }) => ({
      append: (requests, place) => Effect.zipLeft(append(requests, place), Effect.either(takeUp("forward", "a")))
    }))
  }
]
