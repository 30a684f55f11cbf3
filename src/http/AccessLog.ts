/**
 * `AccessLog` is notified of each request that was answered: what an operator may know of it, and nothing that a client
 * sent but its method. No path, since ids stand in it, no key, no body.
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
