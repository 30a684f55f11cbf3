/** JetStream for tests: a stream of its own for each, on the server that `globalSetup.ts` started. */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { connect } from "@nats-io/transport-node"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import * as NatsStore from "../../src/nats/NatsStore.ts"
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

/** The stores on a new stream. */
export const natsStore = (options: Omit<NatsStore.NatsStoreOptions, "url"> = {}) =>
  Layer.unwrapScoped(Effect.map(address, ({ of }) => NatsStore.layer({ url: of(), ...options })))
