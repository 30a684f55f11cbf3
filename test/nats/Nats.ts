/** JetStream for tests: a stream of its own for each, on the server that `globalSetup.ts` started. */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Layer, type Scope } from "effect"
import { assert, inject, it } from "vitest"
import * as NatsStore from "../../src/nats/NatsStore.ts"
import { DatabaseError } from "../../src/sql/DatabaseError.ts"
import { request } from "../sql/Log.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"

/** Whether there is a server. Where there is none, that was printed. */
export const isThere = inject("nats").url !== ""

/** A connection of the test's own. */
export const client = (url: string = inject("nats").url) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url })),
    (client) => Effect.promise(() => client.close())
  )

/** Where a stream is that nothing has made, which is gone with its scope, and the local file of one process. */
export const address = Effect.gen(function* () {
  const { monitorUrl, url } = inject("nats")
  const stream = `test-${randomUUID()}`
  const nats = yield* client()
  yield* Effect.addFinalizer(() => Effect.promise(() => nats.request(`$JS.API.STREAM.DELETE.${stream}`)))
  const folder = yield* temporaryFolder
  const file = (name: string) => join(folder, name)
  const of = (name = "local.db") => `${url}/${stream}?monitor=${monitorUrl}&local=${file(name)}`
  return { stream, file, of, nats }
})

/** The stores on this address. */
export const on = (url: string, options: Omit<NatsStore.NatsStoreOptions, "url"> = {}) =>
  NatsStore.layer({ url, ...options })

/** Opens it, and gives why that is refused. */
export const refusal = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.map(Effect.flip(Effect.scoped(Effect.provide(Effect.void, layer))), (error) => {
    assert.instanceOf(error, DatabaseError)
    return error
  })

/** One command with one event, whose payload is kept. */
export const withPayload = (id: string, commandId: string, payload: string) => {
  const { commands, ...rest } = request(id, commandId)
  return { ...rest, commands: commands.map((command) => ({ ...command, payload })) }
}

/** Sends a request of JetStream's API on a stream, and gives the answer. */
export const api = <A>(nats: NatsConnection, what: string, stream: string, body?: object) =>
  Effect.promise(async () => (await nats.request(`$JS.API.${what}.${stream}`, JSON.stringify(body))).json<A>())

/** Skipped where there is no server. */
export const test = (name: string, run: Effect.Effect<unknown, unknown, Scope.Scope>) =>
  it.skipIf(!isThere)(name, () => Effect.runPromise(Effect.scoped(run)))

/** The stores on a new stream. */
export const natsStore = (options: Omit<NatsStore.NatsStoreOptions, "url"> = {}) =>
  Layer.unwrapScoped(Effect.map(address, ({ of }) => NatsStore.layer({ url: of(), ...options })))
