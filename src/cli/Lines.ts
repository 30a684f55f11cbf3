/** `Lines` reads a file of lines as a stream, plain or gzip, or standard input, in bounded memory. */
import { Buffer } from "node:buffer"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"
import process from "node:process"
import { pipeline, Transform } from "node:stream"
import { createGunzip } from "node:zlib"
import { Effect, Schema, Stream } from "effect"

/** Stands for standard input where a file is named. */
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

/** The lines of a file, in arrays of those that were read together. Gzip is told by its first bytes. */
export const read = (
  file: string,
  progress: Progress,
  longest = maxLineBytes
): Stream.Stream<ReadonlyArray<Line>, InputError> =>
  Stream.unwrap(
    Effect.tryPromise({
      try: async () => {
        if (file !== stdin) {
          const found = await stat(file)
          if (!found.isFile()) throw new Error("is not a file")
          progress.total = found.size
        }
        const source = file === stdin ? process.stdin : createReadStream(file)
        const counted = new Transform({
          transform(chunk: Uint8Array, _encoding, done) {
            progress.bytes += chunk.length
            done(null, chunk)
          }
        })
        pipeline(source, counted, () => {})
        return split(await unpack(counted), longest, (line, reason) => new InputError({ file, line, reason }))
      },
      catch: (error) => asInputError(file, error)
    }).pipe(Effect.map((lines) => Stream.fromAsyncIterable(lines, (error) => asInputError(file, error))))
  )

/** Puts a gunzip behind a stream that begins as gzip does. */
const unpack = async (source: Transform): Promise<AsyncIterable<Uint8Array>> => {
  const first = await new Promise<Uint8Array | null>((resolve, reject) => {
    source.once("error", reject)
    source.once("readable", () => resolve(source.read() as Uint8Array | null))
  })
  if (first === null) return source
  source.unshift(first)
  if (first[0] !== 0x1f || first[1] !== 0x8b) return source
  const gunzip = createGunzip()
  // An error of the source ends the gunzip with it, which its reader sees.
  pipeline(source, gunzip, () => {})
  return gunzip
}

const asInputError = (file: string, error: unknown): InputError => {
  if (error instanceof InputError) return error
  const code = (error as { readonly code?: string }).code ?? ""
  const reason =
    code === "ENOENT"
      ? "there is no such file"
      : code.startsWith("Z_")
        ? "is damaged gzip, or was cut off"
        : error instanceof Error
          ? error.message
          : String(error)
  return new InputError({ file, line: null, reason })
}
