/**
 * `Connections` bounds what one client can make the server hold. Node hands over every request that a connection has sent, up
 * to some thousands at once, and keeps every answer that nobody reads.
 *
 * - A connection has one request at work. Those behind it wait, unlooked at, until the client has taken the answer, and
 *   meanwhile nothing more is read from it. So it costs one answer, whatever it sends.
 * - Requests that wait are counted over all connections. Where there are too many, the connection that sends another one
 *   behind its own is ended; one that has none waiting is served.
 * - Answers that wait for their readers are counted in bytes. Where they are too many, the connection that has left its
 *   answer unread for longest is ended.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { HttpLimits } from "./HttpConfig.ts"

export interface Handlers {
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void
  /** Answers what is not a request, when all before it is answered. */
  readonly refuse: (error: Error, socket: Socket) => void
  /** No request is open. */
  readonly onIdle: () => void
}

export interface Connections {
  /** A request, as it was parsed. */
  readonly accept: (request: IncomingMessage, response: ServerResponse) => void
  /** Something that is not a request. */
  readonly misfit: (error: Error, socket: Socket) => void
  /** An answer was written, and this is where it goes. */
  readonly written: (socket: Socket) => void
  /** Whether it is the server that has the next move: the request has arrived whole, and nothing of its answer was sent. */
  readonly awaitsUs: (socket: Socket) => boolean
  /** Requests that are at work or wait. */
  readonly open: () => number
}

interface Connection {
  /** The request at work. */
  current: readonly [IncomingMessage, ServerResponse] | undefined
  /** In the order in which they came. */
  readonly waiting: Array<readonly [IncomingMessage, ServerResponse]>
  /** Nothing behind these is a request. */
  isLast: boolean
  misfit: Error | undefined
}

/**
 * Whether it asks for another protocol behind it. Nobody need change it, so it is answered in this one; but Node has dropped what came
 * along with it, and what comes next may begin in the middle of a request. So its answer is the last of its connection.
 */
export const isForAnotherProtocol = ({ headers }: IncomingMessage): boolean => headers.upgrade !== undefined

type Limits = Pick<HttpLimits, "maxOpenRequests" | "maxUnreadBytes">

export const make = ({ maxOpenRequests, maxUnreadBytes }: Limits, handlers: Handlers): Connections => {
  const connections = new WeakMap<Socket, Connection>()
  /** Bytes that their clients have not taken, the longest unread first. */
  const unread = new Map<Socket, number>()
  let open = 0
  let unreadBytes = 0

  const taken = (socket: Socket): void => {
    unreadBytes -= unread.get(socket) ?? 0
    unread.delete(socket)
  }

  const closed = (count: number): void => {
    open -= count
    if (open === 0) handlers.onIdle()
  }

  const connectionOf = (socket: Socket): Connection => {
    const known = connections.get(socket)
    if (known !== undefined) return known
    const connection: Connection = { current: undefined, waiting: [], isLast: false, misfit: undefined }
    connections.set(socket, connection)
    // Node reads on by itself, for instance when an answer is complete.
    socket.on("resume", () => {
      if (connection.waiting.length > 0) socket.pause()
    })
    socket.once("close", () => {
      taken(socket)
      closed(connection.waiting.splice(0).length)
    })
    return connection
  }

  const start = (socket: Socket, connection: Connection, request: IncomingMessage, response: ServerResponse): void => {
    connection.current = [request, response]
    response.once("close", () => {
      taken(socket)
      // Not at once: a connection that has sent thousands would keep all others from their turn.
      if (connection.waiting.length > 0) setImmediate(next, socket, connection)
      else end(socket, connection)
      closed(1)
    })
    handlers.serve(request, response)
  }

  const next = (socket: Socket, connection: Connection): void => {
    const first = connection.waiting.shift()
    if (connection.waiting.length === 0) socket.resume()
    if (first === undefined) return void end(socket, connection)
    if (connection.misfit === undefined || first[0].complete) return void start(socket, connection, ...first)
    // Its body did not arrive: it is what is refused.
    end(socket, connection)
    closed(1)
  }

  const end = (socket: Socket, connection: Connection): void => {
    connection.current = undefined
    if (connection.misfit !== undefined) handlers.refuse(connection.misfit, socket)
  }

  return {
    accept: (request, response) => {
      const { socket } = request
      // More of what was read before it was ended.
      if (socket.destroyed) return
      const connection = connectionOf(socket)
      if (connection.isLast) return
      connection.isLast = isForAnotherProtocol(request)
      const isBusy = connection.current !== undefined
      if (isBusy && open >= maxOpenRequests) {
        socket.destroy()
        return
      }
      open++
      if (isBusy) {
        connection.waiting.push([request, response])
        socket.pause()
      } else start(socket, connection, request, response)
    },
    misfit: (error, socket) => {
      const connection = connectionOf(socket)
      const { current, waiting } = connection
      // Said at once where there is nothing before it to answer: the request at work may be what does not arrive.
      if (current === undefined || (waiting.length === 0 && !current[0].complete)) handlers.refuse(error, socket)
      else connection.misfit ??= error
    },
    written: (socket) => {
      const bytes = socket.writableLength
      // Deno's sockets do not know it; they wait for their reader by themselves.
      if (!(bytes > 0)) return
      taken(socket)
      unread.set(socket, bytes)
      unreadBytes += bytes
      for (const [longest] of unread) {
        if (unreadBytes <= maxUnreadBytes || longest === socket) return
        taken(longest)
        longest.destroy()
      }
    },
    awaitsUs: (socket) => {
      const [request, response] = connections.get(socket)?.current ?? []
      return request?.complete === true && response?.headersSent === false
    },
    open: () => open
  }
}
