/** A client of the feed of server-sent events, for tests. */
import { request } from "node:http"
import { Effect } from "effect"

export interface Feed {
  readonly headers: Readonly<Record<string, unknown>>
  /** The next message: an event, or a comment line. */
  readonly next: Effect.Effect<Message>
  /** Waits until the server ends it. */
  readonly ended: Effect.Effect<void>
  /** Reads no more, and leaves what comes to the buffers. */
  readonly stall: Effect.Effect<void>
}

export interface Message {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly comment?: string
  readonly retry?: string
}

const parse = (block: string): Message =>
  Object.fromEntries(
    block.split("\n").map((line) => {
      const colon = line.indexOf(":")
      return [colon === 0 ? "comment" : line.slice(0, colon), line.slice(colon + 1).trimStart()]
    })
  )

/** Follows the feed until the scope closes. */
export const follow = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.acquireRelease(
    Effect.async<Feed & { readonly close: () => void }>((resume) => {
      const client = request(url, { headers, agent: false }, (response) => {
        let text = ""
        const messages: Array<Message> = []
        let waiting: ((message: Message) => void) | undefined
        let isEnded = false
        let onEnd: (() => void) | undefined
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk
          const blocks = text.split("\n\n")
          text = blocks.pop() ?? ""
          messages.push(...blocks.map(parse))
          const [first] = messages
          if (waiting !== undefined && first !== undefined) {
            messages.shift()
            waiting(first)
            waiting = undefined
          }
        })
        response.on("error", () => {})
        response.on("close", () => {
          isEnded = true
          onEnd?.()
        })
        resume(
          Effect.succeed({
            headers: response.headers,
            next: Effect.async<Message>((resumeNext) => {
              const message = messages.shift()
              if (message !== undefined) resumeNext(Effect.succeed(message))
              else waiting = (later) => resumeNext(Effect.succeed(later))
            }),
            ended: Effect.async<void>((resumeEnded) => {
              if (isEnded) resumeEnded(Effect.void)
              else onEnd = () => resumeEnded(Effect.void)
            }),
            stall: Effect.sync(() => response.pause()),
            close: () => client.destroy()
          })
        )
      })
      client.on("error", () => {})
      client.end()
    }),
    ({ close }) => Effect.sync(close)
  )

/** The next event, past comments and what is said at the beginning. */
export const nextEvent = ({ next }: Feed): Effect.Effect<Message> =>
  Effect.repeat(next, { until: ({ id }) => id !== undefined })

/** The next message of any kind but a comment and what is said at the beginning. */
export const nextMessage = ({ next }: Feed): Effect.Effect<Message> =>
  Effect.repeat(next, { until: ({ event }) => event !== undefined })

export const positions = (feed: Feed, count: number) =>
  Effect.map(Effect.replicateEffect(nextEvent(feed), count), (events) => events.map(({ id }) => Number(id)))
