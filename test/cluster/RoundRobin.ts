/** A round robin before nodes, as a load balancer is one: each request goes to the next of them. */
import { createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { pipeline } from "node:stream"
import { Effect } from "effect"

/** The field of each answer that says whose it is: the place of the node among them. */
export const nodeField = "test-node"

function* endless<A>(values: ReadonlyArray<A>): Generator<readonly [place: number, value: A], never> {
  for (;;) yield* values.entries()
}

const start = (nodes: ReadonlyArray<URL>): Server => {
  const turns = endless(nodes)
  return createServer((asked, answered) => {
    const [node, { hostname, port }] = turns.next().value
    const { connection: _, ...headers } = asked.headers
    const target = { host: hostname, port, agent: false, method: asked.method, path: asked.url, headers }
    const onward = request(target, (answer) => {
      const { connection: __, ...fields } = answer.headers
      answered.writeHead(answer.statusCode ?? 502, { ...fields, [nodeField]: String(node) })
      pipeline(answer, answered, () => {})
    })
    // Without an answer the client has none either; a client that goes away leaves the node too.
    onward.on("error", () => answered.destroy())
    answered.on("close", () => onward.destroy())
    pipeline(asked, onward, () => {})
  })
}

/** Starts one before the services at these addresses, and gives its own. It ends with the scope. */
export const before = (urls: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = start(urls.map((url) => new URL(url)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))
