/**
 * Whose an event is: a bare one that two aggregates use is refused with both names, wherever a reader of it is declared
 * or tried.
 */
import { Rpc } from "@effect/rpc"
import { Cause, Effect, Either, Exit, Layer, Schema } from "effect"
import { assert, describe, it } from "vitest"
import * as Aggregate from "../../src/core/Aggregate.ts"
import * as Event from "../../src/core/Event.ts"
import * as EventStoreMemory from "../../src/core/EventStoreMemory.ts"
import * as Application from "../../src/projection/Application.ts"
import * as Invariant from "../../src/projection/Invariant.ts"
import * as Projection from "../../src/projection/Projection.ts"
import * as Reaction from "../../src/projection/Reaction.ts"
import * as ProjectionStoreMemory from "../../src/sql/ProjectionStoreMemory.ts"
import * as ProjectionSpec from "../../src/testing/ProjectionSpec.ts"
import * as ReactionSpec from "../../src/testing/ReactionSpec.ts"

const shelved = Event.make("Shelved", {})
const contract = {
  id: Schema.String,
  state: Schema.Int,
  initial: 0,
  events: [shelved],
  commands: [Rpc.make("Shelve", { success: Schema.Int })]
}
const behaviour = {
  decide: { Shelve: () => Either.right([shelved.make({})]) },
  evolve: { Shelved: (count: number) => count + 1 },
  reply: { Shelve: (count: number) => count }
}
class Book extends Aggregate.make("Book", contract) {}
class Film extends Aggregate.make("Film", contract) {}

const parts = {
  name: "library",
  aggregates: [Application.aggregate(Book, behaviour), Application.aggregate(Film, behaviour)]
} as const

const projectionOf = (event: typeof shelved) =>
  Projection.make({
    name: "shelf",
    version: 1,
    events: [event],
    tables: ["shelf"],
    create: ({ shelf }) => [`CREATE TABLE ${shelf} (book TEXT)`],
    apply: () => Effect.void
  })
const reactionOf = (event: typeof shelved) =>
  Reaction.make({ name: "label", startFrom: "now", events: [event], react: () => Effect.void })
const invariantOf = (event: typeof shelved) =>
  Invariant.make({ name: "room", events: [event], begin: () => ({ next: () => undefined }) })

const stores = Layer.provide(ProjectionStoreMemory.layer, EventStoreMemory.layer)

/** Each way to give a reader to an application, or to a kit that tries it. */
const doors: Readonly<Record<string, (event: typeof shelved) => Effect.Effect<unknown>>> = {
  "a projection": (event) => Effect.sync(() => Application.make({ ...parts, projections: [projectionOf(event)] })),
  "a reaction": (event) => Effect.sync(() => Application.make({ ...parts, reactions: [reactionOf(event)] })),
  "an invariant": (event) => Effect.sync(() => Application.make({ ...parts, invariants: [invariantOf(event)] })),
  "the spec of a projection": (event) =>
    ProjectionSpec.make(projectionOf(event), stores)
      .given({ event: shelved.make({}) })
      .gives({ shelf: [] }),
  "the spec of a reaction": (event) =>
    ReactionSpec.make(reactionOf(event), Layer.empty).given().when(shelved.make({})).sends()
}

describe.each(Object.entries(doors))("%s", (_, door) => {
  it("names of which aggregate its event is, where two use it (F14)", async () => {
    const exit = await Effect.runPromiseExit(door(shelved))
    assert.isTrue(Exit.isFailure(exit))
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.match(
      String(error),
      /names the event Shelved, which Book and Film use; name it of one of them, with Book\.event\(…\) or Film\.event\(…\)/
    )
    await Effect.runPromise(door(Book.event(shelved)))
  })
})
