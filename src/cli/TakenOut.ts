/**
 * `TakenOut` is what `verify` notes of the read side: what operators had models pass over and reactions give up, and
 * where a reaction is stuck. Nothing of it is damage; all of it is work that is not done.
 */
import { Effect } from "effect"
import type { Problem } from "../core/JournalCheck.ts"
import { CheckpointStore } from "../projection/CheckpointStore.ts"
import { ExclusionStore } from "../projection/ExclusionStore.ts"
import { GenerationStore } from "../projection/GenerationStore.ts"
import { whoAndWhy } from "./OperatorOptions.ts"

const note = (
  { streamId, version }: { readonly streamId: string; readonly version: number },
  problem: string
): Problem => ({ streamId, version, sequence: null, problem })

export const notes = Effect.gen(function* () {
  const checkpoints = yield* CheckpointStore
  const exclusions = yield* ExclusionStore
  const generations = yield* GenerationStore
  const found: Array<Problem> = []
  for (const { kind, live, name } of yield* generations.list) {
    for (const skip of yield* exclusions.skips(name)) {
      found.push(note(skip, `${name} passes over it${whoAndWhy(skip)}`))
    }
    const given = yield* exclusions.abandonments(name)
    for (const each of given) {
      if (each.undone !== null) found.push(note(each, `${name} has abandoned it${whoAndWhy(each)}: ${each.undone}`))
    }
    const letters = kind === "reaction" && live !== null ? yield* checkpoints.deadLetters(live) : []
    for (const letter of letters) {
      if (given.some(({ position }) => position === letter.position)) continue
      found.push(note(letter, `${name} is stuck at it; see daybook reactions`))
    }
  }
  return found
})
