/**
 * `Traces` are the spans of a command: the command itself, where it was sent; the commit of the group that it was in,
 * which is linked to each command of it; and what a reaction sends because of its events. Batches of a projection have
 * a root of their own. A collector sees one trace, from the request of a client to the last of them. Where nothing
 * collects, there is no span and no cost: `Traced` says whether something does.
 */
import { Context, Effect, Exit, Tracer } from "effect"
import * as Elapsed from "./Elapsed.ts"

/** Whether somebody collects spans. What sends them sets it. */
export class Traced extends Context.Reference<Traced>()("daybook/core/Traced", {
  defaultValue: (): boolean => false
}) {}

/** A span of before, from its W3C form, as events and entries have it; undefined where there is none. */
export const spanOf = (traceparent: string | null): Tracer.ExternalSpan | undefined => {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? []
  if (traceId === undefined || spanId === undefined) return undefined
  return Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1 })
}

/** The span of a command, from its sending to its answer. No id and no payload: an id may be a person's. */
export const command = <A, E, R>(aggregate: string, name: string, answer: Effect.Effect<A, E, R>) =>
  Effect.withSpan(answer, `${aggregate}.${name}`, {
    captureStackTrace: false,
    attributes: { "daybook.aggregate": aggregate, "daybook.command": name }
  })

/** Links that one span may have: a group may have thousands of commands, and collectors take some dozens. */
const maxLinks = 128

const linksOf = (spans: ReadonlyArray<Tracer.ExternalSpan>): Array<Tracer.SpanLink> =>
  spans.map((span) => ({ _tag: "SpanLink", span, attributes: {} }))

/** The span of a group's commit: in the trace of its first command, and linked to the others. */
export const commit = <A, E, R>(traceparents: Iterable<string | null>, work: Effect.Effect<A, E, R>) => {
  const spans: Array<Tracer.ExternalSpan> = []
  let commands = 0
  for (const each of traceparents) {
    commands++
    const span = spans.length < maxLinks ? spanOf(each) : undefined
    if (span !== undefined) spans.push(span)
  }
  const [parent] = spans
  return parent === undefined
    ? work
    : Effect.withSpan(work, "daybook.commit", {
        captureStackTrace: false,
        parent,
        links: linksOf(spans),
        attributes: { "daybook.commands": commands }
      })
}

/** Runs an effect of a reaction as part of the trace in which its event was decided. */
export const because = <A, E, R>(
  traceparent: string | null,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | Exclude<R, Tracer.ParentSpan>> =>
  Effect.flatMap(Traced, (isTraced): Effect.Effect<A, E, R | Exclude<R, Tracer.ParentSpan>> => {
    const span = isTraced ? spanOf(traceparent) : undefined
    return span === undefined ? work : Effect.withParentSpan(work, span)
  })

/** Milliseconds from one span of a projection to its next: it takes many batches a second, and nobody looks at each. */
const batchInterval = 1_000

/**
 * Spans of the batches of one projection. Each begins a trace, since a batch has events of many traces, and is linked
 * to those. At most one a second. It says that a batch failed and never why: user code may quote what is stored.
 */
export const batches = (projection: string) =>
  Effect.map(Traced, (isTraced) => {
    let notBefore = Number.NEGATIVE_INFINITY
    return <A, E, R>(
      events: ReadonlyArray<{ readonly traceparent: string | null; readonly position: number }>,
      work: Effect.Effect<A, E, R>
    ): Effect.Effect<A, E, R> => {
      if (!isTraced) return work
      return Effect.flatMap(Elapsed.millis, (now) => {
        if (now < notBefore) return work
        notBefore = now + batchInterval
        const spans = new Map<string, Tracer.ExternalSpan>()
        for (const { traceparent } of events) {
          const span = spans.size < maxLinks ? spanOf(traceparent) : undefined
          if (span !== undefined) spans.set(`${span.traceId} ${span.spanId}`, span)
        }
        const told = Effect.tap(Effect.exit(work), (exit) =>
          Effect.annotateCurrentSpan("daybook.failed", Exit.isFailure(exit))
        )
        return Effect.flatten(
          Effect.withSpan(told, "daybook.projection", {
            captureStackTrace: false,
            root: true,
            links: linksOf([...spans.values()]),
            attributes: {
              "daybook.projection": projection,
              "daybook.events": events.length,
              "daybook.position": events.at(-1)?.position ?? 0
            }
          })
        )
      })
    }
  })
