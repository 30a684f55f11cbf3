/** What the cases of an event store append, and how they read it again. */
import { hash } from "node:crypto"
import { Clock, Effect } from "effect"
import {
  type AppendRequest,
  appendOrFail,
  EventStore,
  type ExpectedVersion,
  type ProposedCommand,
  type ReadStreamOptions
} from "../../core/EventStore.ts"
import { StreamId } from "../../core/StreamId.ts"
import { proposed } from "../ProposedCommand.ts"

export const command = (commandId: string, data: ReadonlyArray<string>): ProposedCommand =>
  proposed(commandId, {
    fingerprint: hash("sha256", data.join()),
    events: data.map((text) => ({ type: "Noted", schemaVersion: 1, data: text })),
    answer: (at) => ({ text: JSON.stringify(at), version: 1 })
  })

/** One command of `count` events with the data 1, 2, 3, …  */
export const events = (commandId: string, count: number): ProposedCommand =>
  command(
    commandId,
    Array.from({ length: count }, (_, index) => String(index + 1))
  )

export const request = (
  id: string,
  expectedVersion: ExpectedVersion,
  ...commands: Array<ProposedCommand>
): AppendRequest => ({
  streamId: StreamId.make(id),
  expectedVersion,
  commands
})

export const append = (...requests: Array<AppendRequest>) =>
  Effect.flatMap(EventStore, (store) => appendOrFail(store, requests))

/** What became of the commands of one request, by their tags and, where they are refused, their errors. */
export const verdicts = (...commands: Array<ProposedCommand>) =>
  Effect.flatMap(EventStore, (store) =>
    Effect.map(store.append([request("a", "any", ...commands)]), ([result]) =>
      (result?.verdicts ?? []).map((verdict) => (verdict._tag === "Refused" ? verdict.error._tag : verdict._tag))
    )
  )

/** Runs an effect with the clock stopped at this time in milliseconds. */
export const at = (millis: number) =>
  Effect.withClock(
    Object.assign(Object.create(Clock.make()) as Clock.Clock, {
      currentTimeMillis: Effect.succeed(millis),
      unsafeCurrentTimeMillis: () => millis
    })
  )

export const page = (id: string, options?: ReadStreamOptions) =>
  Effect.flatMap(EventStore, (store) => store.readStream(StreamId.make(id), options))

export const read = (id: string, options?: ReadStreamOptions) => Effect.map(page(id, options), ({ events }) => events)

export const fullHead = (id: string) => Effect.flatMap(EventStore, (store) => store.head(StreamId.make(id)))

export const head = (id: string) => Effect.map(fullHead(id), ({ version }) => version)

export const logPage = (after = 0, limit?: number) => Effect.flatMap(EventStore, (store) => store.readAll(after, limit))

export const log = (after = 0, limit?: number) => Effect.map(logPage(after, limit), ({ events }) => events)

export const tagOf = <A, E extends { readonly _tag: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => error._tag)
