/** Stores with one fault each in what they do at a damaged event, for the rules of `VerifiedReadSideConformance`. */
import { Context, Effect, Layer, Option } from "effect"
import { EventStore } from "../../core/EventStore.ts"
import type { StoredEvent } from "../../core/StoredEvent.ts"
import { CheckpointStore } from "../../projection/CheckpointStore.ts"
import { GenerationStore } from "../../projection/GenerationStore.ts"
import type { DeadLetter } from "../../projection/Model.ts"
import { type Edit, Tampering } from "../Tampering.ts"
import { changing, type Mutant } from "./Mutant.ts"
import { mutant, type ReadSide } from "./PortMutant.ts"

type Needs = ReadSide | Tampering

const fields = {
  data: "data",
  type: "type",
  "stream id": "streamId",
  version: "version",
  time: "recordedAt"
} as const satisfies Record<string, keyof StoredEvent>

type Field = keyof typeof fields

const without = (edit: Edit, field: Field): Edit => {
  if (edit === null) return null
  const { [fields[field]]: _, ...rest } = edit
  return rest
}

/** Gives a field as it was appended, whatever the row says. */
const blind = (field: Field, others: ReadonlyArray<string>): Mutant<Needs> => ({
  name: `does not see that the ${field} of an event was changed`,
  fails: [
    `a projection halts at an event whose ${field} `,
    `a reaction never acts on an event whose ${field} `,
    ...others
  ],
  of: changing(Tampering, ({ edit }) => ({ edit: (position, change) => edit(position, without(change, field)) }))
})

/** The same, from when a reaction begins. */
const blindBeside = (field: Field, others: ReadonlyArray<string>): Mutant<Needs> => ({
  name: `does not see where a reaction runs that the ${field} of an event was changed`,
  fails: [`a reaction never acts on an event whose ${field} `, ...others],
  of: Layer.map((context) => {
    const { edit } = Context.get(context, Tampering)
    const { readAll } = Context.get(context, EventStore)
    const generations = Context.get(context, GenerationStore)
    let undo: Effect.Effect<void> = Effect.void
    return context.pipe(
      Context.add(Tampering, {
        edit: Effect.fnUntraced(function* (position, change) {
          if (change !== null && fields[field] in change) {
            const page = yield* Effect.option(readAll(position - 1, 1))
            const [event] = Option.isSome(page) ? page.value.events : []
            if (event !== undefined) undo = edit(position, { [fields[field]]: event[fields[field]] })
          }
          yield* edit(position, change)
        })
      }),
      Context.add(GenerationStore, {
        ...generations,
        begin: (reaction, position, version) =>
          Effect.zipRight(
            Effect.suspend(() => undo),
            generations.begin(reaction, position, version)
          )
      })
    )
  })
})

/** Says something else of the dead letters of one who reads. */
const telling = (name: string, rule: string, of: string, change: (letter: DeadLetter) => Partial<DeadLetter>) =>
  mutant<Needs, CheckpointStore, CheckpointStore["Type"]>(name, [rule], CheckpointStore, ({ deadLetters }) => ({
    deadLetters: (at) =>
      Effect.map(deadLetters(at), (letters) =>
        at.projection === of ? letters.map((letter) => ({ ...letter, ...change(letter) })) : letters
      )
  }))

const parks = "where the store vouches for a damaged event, a model"
const reactionParks = "where the store vouches for a damaged event, a reaction"

export const DamageMutants: ReadonlyArray<Mutant<Needs>> = [
  blind("data", []),
  blind("type", [parks, reactionParks]),
  blind("stream id", [parks, "an operator"]),
  blind("version", []),
  blind("time", ["two damaged events"]),
  blindBeside("data", []),
  blindBeside("type", [reactionParks]),
  blindBeside("stream id", ["an operator"]),
  blindBeside("version", []),
  blindBeside("time", []),
  telling("says of a dead letter of a model that it is the event before", parks, "notes", ({ position }) => ({
    position: position - 1
  })),
  telling("says of a dead letter of a reaction that it is of the next version", reactionParks, "forward", (letter) => ({
    version: letter.version + 1
  })),
  mutant("applies twice what it takes up again", ["two damaged events", parks], CheckpointStore, ({ unpark }) => ({
    unpark: (at, letter, rest, change, taken) => unpark(at, letter, rest, Effect.zipRight(change, change), taken)
  })),
  mutant("finds nothing to skip", ["an operator"], CheckpointStore, ({ release }) => ({
    release: (projection, streamId, how, by) =>
      how === "skip" ? Effect.succeed([]) : release(projection, streamId, how, by)
  }))
]
