/** What the cases of commands have in common: releases of an aggregate over one store, and what they are asked. */
import { deepStrictEqual, ok, strictEqual } from "node:assert"
import { Cause, Effect, Layer } from "effect"
import type { ActorLimits } from "../../core/ActorConfig.ts"
import type { ActorSystem } from "../../core/ActorSystem.ts"
import type * as Aggregate from "../../core/Aggregate.ts"
import { type EventPage, EventStore } from "../../core/EventStore.ts"
import * as HeldValue from "../../core/HeldValue.ts"
import { SnapshotStore } from "../../core/SnapshotStore.ts"
import { SystemUnderTest } from "../SystemUnderTest.ts"

/** Runs a program on a system of its own with these aggregates. The stores outlive it, as they outlive a release. */
export const release = <A, X, Service, R>(
  aggregates: Layer.Layer<Service, never, ActorSystem>,
  program: Effect.Effect<A, X, R>,
  limits: Partial<ActorLimits> = {}
) =>
  Effect.gen(function* () {
    const { layer } = yield* SystemUnderTest
    return yield* Effect.provide(program, Layer.provide(aggregates, layer(limits)))
  })

/** The same without what a snapshot knows: the state comes from the events. */
export const withoutSnapshots = <A, X, R>(program: Effect.Effect<A, X, R>) =>
  Effect.flatMap(SnapshotStore, (store) =>
    Effect.provideService(program, SnapshotStore, { ...store, load: () => Effect.succeedNone })
  )

/** Fails the case where two values differ in anything: a key that is undefined, -0, what a schema made of them. */
export const same = (found: unknown, expected: unknown, what: string): void => {
  const path = HeldValue.difference(found, expected)
  if (path !== undefined) deepStrictEqual(found, expected, `${what}, at ${path}`)
  strictEqual(path, undefined, what)
}

/** Two answers to one command: the second is the first, given again. */
export const replays = (
  first: Aggregate.Reply<unknown, unknown>,
  again: Aggregate.Reply<unknown, unknown>,
  what: string
): void => {
  ok(!first.replayed, `${what}: the first answer is not a replay`)
  ok(again.replayed, `${what}: the second answer is a replay`)
  same({ ...again, outcome: plain(again), replayed: false }, { ...first, outcome: plain(first) }, what)
}

/** An Either is an instance of a class, and equal to another whose value is only nearly the same. */
const plain = ({ outcome }: Aggregate.Reply<unknown, unknown>): object => ({
  tag: outcome._tag,
  value: outcome._tag === "Right" ? outcome.right : outcome.left
})

/** The tag of the error, or the name and the message of the defect. */
export const failureOf = <A, X, R>(asked: Effect.Effect<A, X, R>): Effect.Effect<unknown, A, R> =>
  Effect.map(Effect.flip(Effect.sandbox(asked)), (cause) => Cause.squash(cause))

/** How many events the log has: what was refused has added none. */
export const end = Effect.flatMap(EventStore, (store) =>
  Effect.gen(function* () {
    let count = 0
    for (let after = 0, more = true; more; ) {
      const page: EventPage = yield* store.readAll(after)
      count += page.events.length
      after = page.events.at(-1)?.position ?? after
      more = page.more
    }
    return count
  })
)
