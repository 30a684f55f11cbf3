/** `Lines` reads a file of lines as a stream, plain or gzip, or standard input, in bounded memory. */
import { Buffer } from "node:buffer"
import { constants, createReadStream } from "node:fs"
import { access, stat } from "node:fs/promises"
import process from "node:process"
import { pipeline, type Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import { Effect, Schema, Stream } from "effect"

/** Stands for standard input where a file is named: what a lone dash on the command line becomes. */
export const stdin = "<stdin>"

/** Longest line, in bytes. */
export const maxLineBytes = 1_048_576

export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** The input cannot be read. `line` is where, when it was a line's fault. */
export class InputError extends Schema.TaggedError<InputError>()("InputError", {
  file: Schema.String,
  line: Schema.NullOr(Schema.Int),
  reason: Schema.String
}) {
  override get message() {
    return `${this.file}${this.line === null ? "" : ` line ${this.line}`}: ${this.reason}`
  }
}

/** Bytes read of how many, for a progress bar; the total is not known of standard input. */
export interface Progress {
  bytes: number
  total: number | undefined
}

const newline = 10
const gzipMagic = [0x1f, 0x8b]
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Cuts chunks into lines. What follows the last newline is a line too, unless it is empty. */
async function* split(
  chunks: AsyncIterable<Uint8Array>,
  longest: number,
  fail: (line: number, reason: string) => Error
): AsyncGenerator<ReadonlyArray<Line>> {
  let number = 0
  let rest: Array<Uint8Array> = []
  let restBytes = 0
  const line = (last: Uint8Array): Line => {
    number++
    const bytes = rest.length === 0 ? last : Buffer.concat([...rest, last])
    rest = []
    restBytes = 0
    try {
      return { number, text: decoder.decode(bytes) }
    } catch {
      throw fail(number, "is not UTF-8")
    }
  }
  for await (const chunk of chunks) {
    const lines: Array<Line> = []
    let from = 0
    for (;;) {
      const to = chunk.indexOf(newline, from)
      const end = to === -1 ? chunk.length : to
      if (restBytes + end - from > longest) {
        if (lines.length > 0) yield lines
        throw fail(number + 1, `is longer than ${longest} bytes`)
      }
      if (to === -1) break
      lines.push(line(chunk.subarray(from, to)))
      from = to + 1
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
    }
    if (lines.length > 0) yield lines
  }
  if (restBytes > 0) yield [line(new Uint8Array())]
}

/** The bytes of a source, counted as they come. */
async function* counted(source: Readable, progress: Progress): AsyncGenerator<Uint8Array> {
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    progress.bytes += chunk.length
    yield chunk
  }
}

/** What is packed in the bytes, if they begin as gzip does, and else the bytes. */
async function* unpacked(chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first: Uint8Array = new Uint8Array()
  // A pipe may give them one by one.
  while (first.length < gzipMagic.length) {
    const { done, value } = await chunks.next()
    if (done === true) break
    first = Buffer.concat([first, value])
  }
  const whole = async function* () {
    yield first
    yield* chunks
  }
  if (gzipMagic.every((byte, index) => first[index] === byte)) {
    // An error of the source ends the gunzip with it, which its reader sees.
    yield* pipeline(whole, createGunzip(), () => {}) as AsyncIterable<Uint8Array>
  } else yield* whole()
}

/** Fails when there is no such file to read, before anything is made for what is in it. */
export const check = (file: string): Effect.Effect<void, InputError> =>
  file === stdin
    ? Effect.void
    : Effect.tryPromise({
        try: async () => {
          if ((await stat(file)).isDirectory()) throw new Error("is a folder")
          await access(file, constants.R_OK)
        },
        catch: (error) => asInputError(file, error)
      })

/** The lines of a file, in arrays of those that were read together. Gzip is told by its first bytes. */
export const read = (
  file: string,
  progress: Progress,
  longest = maxLineBytes
): Stream.Stream<ReadonlyArray<Line>, InputError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      yield* check(file)
      const found = file === stdin ? undefined : yield* Effect.promise(() => stat(file))
      progress.total = found?.isFile() === true ? found.size : undefined
      const source = file === stdin ? process.stdin : createReadStream(file)
      const lines = split(
        unpacked(counted(source, progress)),
        longest,
        (line, reason) => new InputError({ file, line, reason })
      )
      const stoppable: AsyncIterable<ReadonlyArray<Line>> = {
        [Symbol.asyncIterator]: () => ({
          next: () => lines.next(),
          // A generator that waits for the next bytes ends only when there are none to come.
          return: async () => {
            source.destroy()
            await lines.return(undefined).catch(() => {})
            return { done: true, value: undefined }
          }
        })
      }
      return Stream.fromAsyncIterable(stoppable, (error) => asInputError(file, error))
    })
  )

const asInputError = (file: string, error: unknown): InputError => {
  if (error instanceof InputError) return error
  const code = (error as { readonly code?: string }).code ?? ""
  const reason =
    code === "ENOENT"
      ? "there is no such file"
      : code === "EACCES"
        ? "may not be read by this user"
        : code.startsWith("Z_")
          ? "is damaged gzip, or was cut off"
          : error instanceof Error
            ? error.message
            : String(error)
  return new InputError({ file, line: null, reason })
}
