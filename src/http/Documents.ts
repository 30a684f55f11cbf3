/**
 * `Documents` are texts that are made once and sent to everyone who asks: one buffer for all readers, compressed once,
 * under a tag by which a client knows that it has it.
 */
import { Buffer } from "node:buffer"
import { hash } from "node:crypto"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Exit, Fiber } from "effect"

const compress = promisify(gzip)

/** Whether gzip is among what the client takes, as RFC 9110 has it. */
const takesGzip = (accepted: string): boolean => {
  const weights = new Map(
    accepted.split(",").map((part) => {
      const [coding = "", weight = "q=1"] = part.split(";").map((text) => text.trim().toLowerCase())
      return [coding, Number(weight.replace("q=", ""))] as const
    })
  )
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0
}

interface Made {
  readonly plain: Uint8Array
  readonly compressed: Uint8Array
  readonly etag: string
}

/**
 * The effect's result, made once, in a separate fiber: the first reader may go away while others still wait. Where it
 * fails, the next reader tries again.
 */
const once = <A>(effect: Effect.Effect<A>): Effect.Effect<A> => {
  let making: Fiber.Fiber<A> | undefined
  const make = Effect.onExit(effect, (exit) =>
    Effect.sync(() => {
      if (Exit.isFailure(exit)) making = undefined
    })
  )
  // Not by `join`, which would give a later reader the context of the first, and so its request.
  const madeBy = (fiber: Fiber.Fiber<A>) => Effect.flatten(Fiber.await(fiber))
  return Effect.suspend(() => {
    if (making !== undefined) return madeBy(making)
    return Effect.flatMap(Effect.forkDaemon(make), (fiber) => {
      making = fiber
      return madeBy(fiber)
    })
  })
}

const toMade = (content: string | Uint8Array): Effect.Effect<Made> => {
  const plain = Buffer.from(content)
  return Effect.map(
    Effect.promise(() => compress(plain, { level: 9 })),
    (compressed) => ({ plain, compressed, etag: hash("sha256", plain).slice(0, 32) })
  )
}

/** The answers to requests for this content. It is made and compressed when first asked for. */
export const make = (
  contentType: string,
  content: Effect.Effect<string | Uint8Array>,
  headers: Readonly<Record<string, string>> = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> => {
  const made = once(Effect.flatMap(content, toMade))
  return Effect.map(
    Effect.all([made, HttpServerRequest.HttpServerRequest]),
    ([{ compressed, etag, plain }, { headers: asked }]) => {
      const isGzip = takesGzip(asked["accept-encoding"] ?? "")
      return HttpServerResponse.uint8Array(isGzip ? compressed : plain, {
        contentType,
        headers: {
          ...headers,
          // Kept by the client, who asks whether it is still the same.
          "cache-control": "no-cache",
          vary: "accept-encoding",
          etag: `"${etag}${isGzip ? "-gzip" : ""}"`,
          ...(isGzip && { "content-encoding": "gzip" })
        }
      })
    }
  )
}
