/**
 * `MinPosition` asks a read model that is to have come to a position. Models are moments behind the log, so a short
 * wait costs nothing; a longer one needs a place (`Places.ts`).
 */
import { Duration, Effect } from "effect"
import type { ViewBehind } from "../projection/ProjectionError.ts"
import { HttpConfig } from "./HttpConfig.ts"
import * as Places from "./Places.ts"

/** Connections bound how many wait that long, since each has one request at work. */
const short = Duration.millis(50)

export interface Options {
  readonly minPosition?: number
  readonly timeout: Duration.Duration
}

export const ask = <A, E extends { readonly _tag: string }, R>(
  minPosition: number | undefined,
  query: (options: Options) => Effect.Effect<A, E | ViewBehind, R>
) =>
  Effect.flatMap(HttpConfig, ({ viewTimeout }) => {
    const from = minPosition === undefined ? {} : { minPosition }
    const isBehind = (error: E | ViewBehind) => error._tag === "ViewBehind"
    return Duration.lessThanOrEqualTo(viewTimeout, short)
      ? query({ ...from, timeout: viewTimeout })
      : Effect.catchIf(query({ ...from, timeout: short }), isBehind, () =>
          Places.waiting(query({ ...from, timeout: Duration.subtract(viewTimeout, short) }))
        )
  })
