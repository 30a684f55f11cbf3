/**
 * `Places` bounds what waits on behalf of clients: requests that wait for something to happen, and readers of the feed.
 * Each has a place while it waits. Their number is bounded, and one token has only a part of them, so that it keeps no
 * other from waiting.
 */
import { Context, Effect, Layer, Metric, type Scope } from "effect"
import { HttpConfig } from "./HttpConfig.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import { Problem } from "./Problem.ts"
import * as Session from "./Session.ts"

type Place<Full extends "too-many-waits" | "too-many-subscribers"> = Effect.Effect<
  void,
  Problem<Full> | Problem<"too-many-requests">,
  Scope.Scope
>

/** A bounded number of places for requests that stay open. One that finds none is answered with a problem. */
export class Places extends Context.Tag("daybook/http/Places")<
  Places,
  {
    /**
     * Until the scope closes, a place to wait for a position, for a place to read the past, or for the end of a
     * process.
     */
    readonly wait: Place<"too-many-waits">
    /** Until the scope closes, a place for a reader of the feed. */
    readonly feed: Place<"too-many-subscribers">
  }
>() {}

/** The effect, with a place to wait for as long as it runs. */
export const waiting = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Places, ({ wait }) => Effect.scoped(Effect.zipRight(wait, effect)))

interface Kind<Full> {
  readonly most: number
  readonly mostOfToken: number
  readonly full: Full
  readonly gauge: Metric.Metric.Gauge<number>
}

const make = <Full extends "too-many-waits" | "too-many-subscribers">({
  full,
  gauge,
  most,
  mostOfToken
}: Kind<Full>): Place<Full> => {
  let taken = 0
  /** The places of tokens that have any, by the tokens' names. */
  const ofTokens = new Map<string, number>()

  const change = (token: string | null, by: number) =>
    Effect.suspend(() => {
      taken += by
      if (token !== null) {
        const count = (ofTokens.get(token) ?? 0) + by
        if (count === 0) ofTokens.delete(token)
        else ofTokens.set(token, count)
      }
      return Metric.set(gauge, taken)
    })

  return Effect.flatMap(Session.caller, (caller) => {
    const name = caller?.name ?? null
    const take = Effect.suspend((): Effect.Effect<void, Problem<Full> | Problem<"too-many-requests">> => {
      if (taken >= most) return Effect.fail(new Problem(full))
      if (name === null || (ofTokens.get(name) ?? 0) < mostOfToken) return change(name, 1)
      const detail = `The token ${name} has ${mostOfToken} requests that wait, and may have no more.`
      return Effect.fail(new Problem("too-many-requests", { detail }))
    })
    return Effect.acquireRelease(take, () => change(name, -1))
  })
}

export const layer: Layer.Layer<Places> = Layer.effect(
  Places,
  Effect.map(HttpConfig, ({ maxSubscribers, maxSubscribersPerToken, maxWaits, maxWaitsPerToken }) => ({
    wait: make({ most: maxWaits, mostOfToken: maxWaitsPerToken, full: "too-many-waits", gauge: HttpMetrics.waits }),
    feed: make({
      most: maxSubscribers,
      mostOfToken: maxSubscribersPerToken,
      full: "too-many-subscribers",
      gauge: HttpMetrics.subscribers
    })
  }))
)
