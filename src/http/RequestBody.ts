/**
 * `RequestBody` reads the body of a request: at most 64 KiB, sent as JSON, of one meaning. Each misfit is a `Problem`.
 *
 * `HttpApiBuilder` reads bodies through the request; `strict` gives it one that reads in this way whatever it is asked
 * for.
 */
import type { Readable } from "node:stream"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Either, Option } from "effect"
import { Problem } from "./Problem.ts"
import * as StrictJson from "./StrictJson.ts"

/** Longest body, in bytes. Long texts in escapes have about 5,000. */
export const maxBytes = 65_536

const tooLarge = () => new Problem("body-too-large")

/** The bytes, as they come. What is too long is not kept, and read on only to leave the connection in order. */
const bytesOf = (source: Readable): Effect.Effect<Uint8Array, Problem> =>
  Effect.async((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const stop = () => {
      source.off("data", onData).off("end", onEnd).off("close", onClose)
    }
    const onData = (chunk: Uint8Array) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else {
        stop()
        source.resume()
        resume(Effect.fail(tooLarge()))
      }
    }
    const onEnd = () => {
      stop()
      resume(Effect.succeed(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : concat(chunks, size)))
    }
    const onClose = () => {
      stop()
      resume(Effect.fail(new Problem("request-timeout")))
    }
    source.on("data", onData).on("end", onEnd).on("close", onClose)
    return Effect.sync(stop)
  })

const concat = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const all = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}

/** `application/json`, in UTF-8 if it says so. */
const jsonType = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

const unsupported = (detail: string) => new Problem("unsupported-media-type", { detail })

/** The value of the body; undefined when there is none. */
const json = Effect.fnUntraced(function* ({
  headers,
  source
}: HttpServerRequest.HttpServerRequest): Effect.fn.Return<unknown, Problem> {
  const length = headers["content-length"]
  if (headers["transfer-encoding"] === undefined && (length === undefined || length === "0")) return undefined
  if (!jsonType.test(headers["content-type"] ?? "")) {
    return yield* Effect.fail(unsupported("Send the body as application/json, in UTF-8."))
  }
  if ((headers["content-encoding"] ?? "identity") !== "identity") {
    return yield* Effect.fail(unsupported("Send the body without a content encoding."))
  }
  if (Number(length) > maxBytes) return yield* Effect.fail(tooLarge())
  const read = StrictJson.parse(yield* bytesOf(source as Readable))
  if (Either.isRight(read)) return read.right
  const { path, reason } = read.left
  const detail = path === "" ? `The body ${reason}.` : `The body: ${path} ${reason}.`
  return yield* Effect.fail(new Problem("malformed-json", { detail, errors: [read.left] }))
})

/** For requests that say everything by their route: no body, or an empty object. */
export const none = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void, Problem<"invalid-request">> =>
  Effect.flatMap(Effect.orDie(request.json), (body) => {
    if (body === undefined) return Effect.void
    const isObject = typeof body === "object" && body !== null && !Array.isArray(body)
    const [path] = isObject ? Object.keys(body) : [""]
    if (path === undefined) return Effect.void
    const reason = isObject ? "is unknown" : "is not an empty object"
    return Effect.fail(
      new Problem("invalid-request", { detail: `${path || "The body"} ${reason}`, errors: [{ path, reason }] })
    )
  })

export interface Strict {
  readonly request: HttpServerRequest.HttpServerRequest
  /** The body as it was sent, once it was read: what the client said, before any schema adds to it. */
  readonly sent: () => unknown
}

/** The request, with one way to read its body. */
export const strict = (request: HttpServerRequest.HttpServerRequest): Strict => {
  let sent: unknown
  const body = Effect.map(json(request), (value) => {
    sent = value
    return value
  })
  const property = { value: body }
  // Of the request itself: one made from it would outlive the collections of the young generation (decision 46).
  Object.defineProperties(request, {
    json: property,
    text: property,
    urlParamsBody: property,
    arrayBuffer: property,
    multipart: property,
    remoteAddress: { value: Option.none() }
  })
  return { request, sent: () => sent }
}
