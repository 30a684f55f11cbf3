/**
 * A connection to NATS that can be cut at a moment that the test chooses: when the server has got a message, and nobody
 * its answer.
 */
import { createServer, connect as dial, type Socket } from "node:net"
import { Effect } from "effect"

export const open = (server: URL) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const open = new Set<Socket>()
      let mark: string | undefined
      const proxy = createServer((client) => {
        const upstream = dial(Number(server.port), server.hostname)
        let isCut = false
        for (const socket of [client, upstream]) {
          open.add(socket)
          socket.on("error", () => socket.destroy())
          socket.on("close", () => {
            open.delete(socket)
            client.destroy()
            if (!isCut) upstream.destroy()
          })
        }
        client.on("data", (data) => {
          if (mark !== undefined && data.includes(mark)) {
            mark = undefined
            isCut = true
            // The server answers, into the void.
            upstream.write(data, () => client.destroy())
            upstream.once("data", () => upstream.destroy())
          } else upstream.write(data)
        })
        upstream.on("data", (data) => {
          if (!isCut) client.write(data)
        })
      })
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
      const address = proxy.address()
      const port = typeof address === "object" ? address?.port : 0
      return {
        url: `nats://127.0.0.1:${port}`,
        /** The next message of a client that holds this text comes to the server, and then its connection is gone. */
        cutAfter: (text: string) => {
          mark = text
        },
        close: () =>
          new Promise<void>((resolve) => {
            for (const socket of open) socket.destroy()
            proxy.close(() => resolve())
          })
      }
    }),
    ({ close }) => Effect.promise(close)
  )
