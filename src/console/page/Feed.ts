/**
 * `Feed` follows the log: it reads server-sent events, comes again after the last position where the connection is
 * lost, and says so, since events may have been stored meanwhile. It holds nothing: who follows takes each event as it
 * comes.
 */
import * as Api from "./Api.ts"

export interface Message {
  readonly event: string
  readonly data: string
}

/** The messages in what has come of a stream so far, and the rest, which is not whole yet. */
export const split = (text: string): { readonly messages: ReadonlyArray<Message>; readonly rest: string } => {
  const parts = text.split("\n\n")
  const rest = parts.pop() ?? ""
  const messages = parts.flatMap((part) => {
    const lines = part.split("\n")
    const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
    const data = field("data")
    return data === undefined ? [] : [{ event: field("event") ?? "message", data }]
  })
  return { messages, rest }
}

export interface Follower {
  /** Path of the feed for events after a position. */
  readonly path: (after: number) => string
  readonly onMessages: (messages: ReadonlyArray<Message>) => void
  readonly onState: (state: "live" | "waiting" | "ended", problem?: Api.Problem) => void
  /** The position after which it goes on; at first, it may have to ask for one. */
  readonly position: () => Promise<number>
}

const pauseMillis = 1_000

type Reader = ReadableStreamDefaultReader<string>

/** The next piece; undefined at the end. */
const next = async (reader: Reader): Promise<string | undefined> => {
  try {
    return (await reader.read()).value
  } catch {
    throw Api.unreachable()
  }
}

/** Follows until the signal says otherwise. */
export const follow = async ({ onMessages, onState, path, position }: Follower, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    let problem: Api.Problem | undefined
    try {
      const after = await position()
      const response = await Api.ask(path(after), { signal, headers: { accept: "text/event-stream" } })
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
      if (reader === undefined) throw Api.unreachable()
      onState("live")
      let rest = ""
      for (let piece = await next(reader); piece !== undefined; piece = await next(reader)) {
        const found = split(rest + piece)
        rest = found.rest
        if (found.messages.length > 0) onMessages(found.messages)
      }
    } catch (error) {
      problem = Api.problemOf(error)
      // What is wrong with the question stays wrong.
      const { status } = problem.body
      if (!signal.aborted && status >= 400 && status < 500 && status !== 429) return onState("ended", problem)
    }
    if (signal.aborted) return
    onState("waiting", problem)
    await new Promise((resolve) => setTimeout(resolve, pauseMillis))
  }
}
