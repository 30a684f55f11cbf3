/** `TransferConfig` holds every limit of transfers, with its unit and what happens at the limit. */
import { Context, Duration, Layer } from "effect"
import * as Limits from "../../core/Limits.ts"
import { attemptTimeout } from "../../projection/ProjectionConfig.ts"

export interface TransferLimits {
  /** From the request on: when its target has not answered by then, a transfer is refunded at its next attempt. A timer says when. */
  readonly targetTimeout: Duration.Duration
  /** Longest wait for one answer of the target. Below the time that a reaction gives to one attempt. */
  readonly answerTimeout: Duration.Duration
  /** Longest wait of a client for the end of its transfer; then it is told that the transfer is pending. */
  readonly clientTimeout: Duration.Duration
  /** How often a waiting client looks by itself, for ends that another process has seen. */
  readonly lookInterval: Duration.Duration
}

export const defaults: TransferLimits = {
  targetTimeout: Duration.minutes(1),
  answerTimeout: Duration.seconds(10),
  clientTimeout: Duration.seconds(5),
  lookInterval: Duration.millis(250)
}

/** The limits of transfers, which `layer` changes. */
export class TransferConfig extends Context.Reference<TransferConfig>()("daybook/account/TransferConfig", {
  defaultValue: () => defaults
}) {}

const { day } = Limits
const ranges: Limits.Ranges<TransferLimits> = {
  targetTimeout: [0, Number.POSITIVE_INFINITY],
  answerTimeout: [1, day],
  clientTimeout: [0, day],
  lookInterval: [1, day]
}

/** What belongs together. */
const relations: ReadonlyArray<Limits.Relation<TransferLimits>> = [
  [
    "answerTimeout",
    "<",
    { name: "ProjectionConfig.attemptTimeout", value: Duration.toMillis(attemptTimeout) },
    "the reaction would give up an attempt before its target could be refunded"
  ]
]

/** The defaults with some limits changed. Throws `Limits.InvalidLimit` when one is outside its range, or two contradict. */
export const layer = (limits: Partial<TransferLimits>): Layer.Layer<TransferConfig> =>
  Layer.succeed(TransferConfig, Limits.change(defaults, ranges, limits, relations))
