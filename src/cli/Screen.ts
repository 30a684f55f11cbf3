/**
 * `Screen` is who writes to the terminal. A status line, such as a bar, is the last line on it for as long as it lasts:
 * whatever else is printed stands above it, whole. Nothing that goes into a file or a pipe is shortened, wrapped or
 * coloured.
 */
import process from "node:process"
import * as Text from "./Text.ts"

const clearLine = "\r\u001b[K"

let status: string | undefined

export const isTerminal = (stream: NodeJS.WriteStream): boolean => stream.isTTY === true

/** Colour and other escape codes: on a terminal alone, and not where the user asks for none (https://no-color.org). */
export const hasColor = (stream: NodeJS.WriteStream, noColor: string | undefined): boolean =>
  isTerminal(stream) && (noColor === undefined || noColor === "")

/** Columns of the terminal; unbounded where there is none. */
export const columnsOf = (stream: NodeJS.WriteStream): number =>
  isTerminal(stream) ? Math.max(20, stream.columns ?? 80) : Number.POSITIVE_INFINITY

const draw = (): void => {
  if (status !== undefined) process.stderr.write(`${clearLine}${Text.cut(status, columnsOf(process.stderr) - 1)}`)
}

/** Shows this as the last line of the terminal, until the next one or `clearStatus`. */
export const showStatus = (line: string): void => {
  status = Text.visible(line)
  draw()
}

export const clearStatus = (): void => {
  if (status !== undefined) process.stderr.write(clearLine)
  status = undefined
}

/**
 * Writes whole lines above the status line, and says whether the stream has room for more. `done` gets the error, if
 * there is one.
 */
export const write = (
  stream: NodeJS.WriteStream,
  text: string,
  done: (error?: Error | null) => void = () => {}
): boolean => {
  if (status === undefined || !isTerminal(stream)) return stream.write(text, done)
  process.stderr.write(clearLine)
  const hasRoom = stream.write(text, done)
  draw()
  return hasRoom
}
