/** Ports of this machine for nodes to listen on. */
import { createServer } from "node:net"
import { Effect } from "effect"

/** One that nobody listens on. */
export const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})
