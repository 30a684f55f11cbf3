/** A model that fails at an event. */
import { Effect } from "effect"
import type { Recorded } from "../../core/Recorded.ts"
import type { Noted } from "../Notes.ts"

/** Fails a batch that has this text, while it is wanted. */
export const poison = (text: string, isPoison: () => boolean = () => true) => ({
  before: (batch: ReadonlyArray<Recorded<Noted>>) =>
    isPoison() && batch.some(({ event }) => event.text === text) ? Effect.fail(new Error("cannot")) : Effect.void
})
