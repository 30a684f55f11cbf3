/**
 * `AccessLog` is notified of each request that was answered, with what an operator may know of it. Of what the client
 * sent it has only the method: no path, since paths hold ids, no key, no body.
 */
import { Context } from "effect"
import type { Refused } from "./Session.ts"

export interface Line {
  readonly method: string
  /** As the contract writes it, `/things/:id`; `none` where it has no such route. */
  readonly route: string
  readonly status: number
  /** To the header of the answer. */
  readonly durationMs: number
  /** By whose token; null where the service has none, or took none. */
  readonly principal: string | null
  /** Why a token was not taken; null where that was not so. */
  readonly refused: Refused | null
  /** Where in the log a command's answer is; null of all else. */
  readonly position: number | null
  /** The same as in the answer to a fault of the service, and in the line of that fault; null where there is none. */
  readonly correlationId: string | null
}

/** Nothing listens, unless a program provides one. It must not throw, and not wait. */
export class AccessLog extends Context.Reference<AccessLog>()("daybook/http/AccessLog", {
  defaultValue: (): ((line: Line) => void) | null => null
}) {}
