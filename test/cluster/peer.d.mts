/** The types of `peer.mjs`. */
import type { Duration, Effect, Exit } from "effect"

/** An exit on its way, or that it is the one that the other side knows. */
export type Answered = object
export type Call = (method: string, ...args: ReadonlyArray<unknown>) => Promise<Answered>
interface Channel {
  readonly connected: boolean
}
export const peer: (
  channel: Channel,
  // biome-ignore lint/suspicious/noExplicitAny: each function knows what it is called with.
  methods: Readonly<Record<string, (...args: ReadonlyArray<any>) => Promise<Answered>>>
) => Call
export const encode: (exit: Exit.Exit<unknown, unknown>) => Answered
export const decode: <E>(answer: Answered, toError: (error: never) => E) => Effect.Effect<unknown, E>
export const storeErrors: (classes: object) => (error: never) => unknown
export const encodeLimits: (limits: object, toMillis: (duration: Duration.Duration) => number) => ReadonlyArray<object>
export const decodeLimits: (limits: ReadonlyArray<object>, ofMillis: (millis: number) => Duration.Duration) => object
