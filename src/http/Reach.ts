/**
 * `Reach` is what a token that is for some aggregates may ask for: the check of each request, and of handlers that know
 * more than the path.
 */
import { Effect } from "effect"
import type { Aggregates } from "./Access.ts"
import { Problem } from "./Problem.ts"
import * as Session from "./Session.ts"

const outOfReach = () =>
  new Problem("forbidden", { detail: "The token is for some aggregates alone, and not for this request." })

/** Whether a token with these aggregates is for this one. */
export const reaches = (aggregates: Aggregates | null, aggregate: string, id: string): boolean =>
  aggregates === null || aggregates.get(aggregate)?.has(id) === true

/** Fails where the caller's token is not for this aggregate. */
export const concerns = (aggregate: string, id: string): Effect.Effect<void, Problem<"forbidden">> =>
  Effect.flatMap(Session.CurrentSession, (session) => {
    if (reaches(session.caller?.aggregates ?? null, aggregate, id)) return Effect.void
    session.refused = "aggregate"
    return Effect.fail(outOfReach())
  })

/** Fails where the caller's token is not for what its endpoint is about, with these parameters of the path. */
export const ofRoute = (
  parameters: Readonly<Record<string, string | undefined>>
): Effect.Effect<void, Problem<"forbidden">> =>
  Effect.flatMap(Session.CurrentSession, ({ caller, route }) => {
    const about = route?.about ?? null
    if (caller === null || caller.aggregates === null || about === "handler") return Effect.void
    if (about === null) return concerns("", "")
    const { aggregate, id } = about
    const name = typeof aggregate === "string" ? aggregate : parameters[aggregate.parameter]
    return concerns(name ?? "", parameters[id] ?? "")
  })
