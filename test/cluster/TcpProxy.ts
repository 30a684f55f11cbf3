/**
 * A way to a server that can stand still: nothing passes, no connection breaks. For tests; the server is not disturbed.
 */
import { createServer, connect as open, type Socket } from "node:net"
import { Effect } from "effect"

export interface TcpProxy {
  readonly port: number
  /** Holds back all that is sent, both ways, also on connections that are made meanwhile. */
  readonly stall: Effect.Effect<void>
  readonly go: Effect.Effect<void>
  /** Nothing passes any more on the connections of now, and neither side hears of it; new ones work. */
  readonly lose: Effect.Effect<void>
  /** How many connections there have been. */
  readonly accepted: Effect.Effect<number>
}

/** One that leads to a port of the loopback, until the scope closes. */
export const proxyTo = (target: number) =>
  Effect.acquireRelease(
    Effect.async<TcpProxy & { readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const lost = new Set<Socket>()
      let isStalled = false
      let accepted = 0
      const join = (from: Socket, to: Socket) => {
        sockets.add(from)
        from.on("data", (data) => to.write(data))
        from.on("error", () => to.destroy())
        from.on("close", () => {
          sockets.delete(from)
          if (!lost.delete(from)) to.destroy()
        })
        if (isStalled) from.pause()
      }
      const server = createServer((socket) => {
        accepted++
        const onward = open({ host: "127.0.0.1", port: target })
        join(socket, onward)
        join(onward, socket)
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" && address !== null ? address.port : 0,
            stall: Effect.sync(() => {
              isStalled = true
              for (const socket of sockets) socket.pause()
            }),
            go: Effect.sync(() => {
              isStalled = false
              for (const socket of sockets) if (!lost.has(socket)) socket.resume()
            }),
            lose: Effect.sync(() => {
              for (const socket of sockets) {
                lost.add(socket)
                socket.pause()
              }
            }),
            accepted: Effect.sync(() => accepted),
            close: () => {
              server.close()
              for (const socket of sockets) socket.destroy()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )
