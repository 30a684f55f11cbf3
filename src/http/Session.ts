/** `Session` is what becomes known of one request while it is answered: who sent it, and what that one may reach. */
import { Context, Effect } from "effect"
import type * as Access from "./Access.ts"
import type { Route } from "./Routes.ts"

/** Who sent the request, by a token. */
export interface Caller {
  readonly name: string
  /** Ids of aggregates by their names, where the token is for some alone; else null. */
  readonly aggregates: Access.Aggregates | null
  /** Whether the token would still be accepted now: for answers that go on for long. */
  readonly isTrusted: Effect.Effect<boolean>
}

/** Why a token was not taken. */
export type Refused = "missing" | "unknown" | "expired" | "foreign" | "rate" | "scope" | "aggregate"

export interface Session {
  readonly route: Route | undefined
  /** Null before its token was looked at, and where the service has no tokens. */
  caller: Caller | null
  /** Why its token was refused; null where it was not. */
  refused: Refused | null
}

/** The session of the request that is answered; the boundary gives each request its own. */
export class CurrentSession extends Context.Reference<CurrentSession>()("daybook/http/CurrentSession", {
  defaultValue: (): Session => ({ route: undefined, caller: null, refused: null })
}) {}

export const make = (route: Route | undefined): Session => ({ route, caller: null, refused: null })

/** Who sent the request; null where the service has no tokens. */
export const caller: Effect.Effect<Caller | null> = Effect.map(CurrentSession, (session) => session.caller)
