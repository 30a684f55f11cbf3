/**
 * `Doors` is an application of several releases, for tests of a deploy: all who come through a door are welcomed, each by a bell. The next
 * release calls that reaction another name, and has one more, which takes notes of those who come from then on; another one welcomes all of
 * them again.
 */
import { Rpc } from "@effect/rpc"
import { Effect, Either, Schema } from "effect"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as Application from "../../src/projection/Application.ts"
import * as Reaction from "../../src/projection/Reaction.ts"

const Entered = Event.make("Entered", { who: Schema.String })
const Rung = Event.make("Rung", {})
const Noted = Event.make("Noted", {})

/** Streams of many events, so that their order matters. */
export class Door extends Aggregate.make("Door", {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [Entered],
  commands: [Rpc.make("Enter", { payload: { who: Schema.String } })]
}) {}

const once = <const E extends Event.Any>(event: E) => ({
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [event]
})
class Bell extends Aggregate.make("Bell", { ...once(Rung), commands: [Rpc.make("Ring")] }) {}
class Note extends Aggregate.make("Note", { ...once(Noted), commands: [Rpc.make("Take")] }) {}

const aggregates = [
  Application.aggregate(Door, {
    decide: { Enter: ({ who }) => Either.right([Entered.make({ who })]) },
    evolve: { Entered: (count) => count + 1 },
    reply: { Enter: () => undefined }
  }),
  // Each command that is done leaves an event: one that came twice would show.
  Application.aggregate(Bell, {
    decide: { Ring: () => Either.right([Rung.make({})]) },
    evolve: { Rung: (count) => count + 1 },
    reply: { Ring: () => undefined }
  }),
  Application.aggregate(Note, {
    decide: { Take: () => Either.right([Noted.make({})]) },
    evolve: { Noted: (count) => count + 1 },
    reply: { Take: () => undefined }
  })
] as const

const welcoming = (name: string, formerNames: ReadonlyArray<string>, version = 1) =>
  Reaction.make({
    name,
    formerNames,
    version,
    events: [Entered],
    startFrom: "beginning",
    react: ({ event: { who } }, commandId) =>
      Effect.flatMap(Bell, (bells) => bells(who).Ring(undefined, { commandId: commandId() }))
  })
const noting = Reaction.make({
  name: "notes",
  events: [Entered],
  startFrom: "now",
  react: ({ event: { who } }, commandId) =>
    Effect.flatMap(Note, (notes) => notes(who).Take(undefined, { commandId: commandId() }))
})

export const releases = {
  before: Application.make({ name: "doors", aggregates, reactions: [welcoming("welcome", [])] }),
  after: Application.make({
    name: "doors",
    aggregates,
    reactions: [welcoming("welcome_mail", ["welcome"]), noting]
  }),
  again: Application.make({ name: "doors", aggregates, reactions: [welcoming("welcome", [], 2)] })
}
