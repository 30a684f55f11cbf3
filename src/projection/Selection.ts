/**
 * `Selection` is which events a reader takes, and how it decodes them: those it names, of the aggregate that has them.
 * An event of the same name of another aggregate is passed over, whatever its form.
 *
 * `Order.event(opened)` names the event of that aggregate. A bare `opened` is of the one aggregate that uses it; where
 * two do, the reader must say which. One that no aggregate uses is taken from every stream.
 */
import type * as Event from "../core/Event.ts"
import * as EventCodec from "../core/EventCodec.ts"
import * as EventOwner from "../core/EventOwner.ts"
import type { StoredEvent } from "../core/StoredEvent.ts"
import * as StreamId from "../core/StreamId.ts"
import type { Wanted } from "./EventFilter.ts"

export interface Selection<E extends { readonly _tag: string }> {
  /** What decodes this event; undefined where the reader does not want it. */
  readonly codecOf: (stored: StoredEvent) => EventCodec.EventCodec<E> | undefined
  /** Every event that it wants passes this filter. With several aggregates, others may pass too. */
  readonly reach: () => Wanted
  /** Throws `AmbiguousEvent` where a bare event is of two aggregates. Whatever runs a reader asks before it begins. */
  readonly check: () => void
  /** The same reader where there are only these aggregates. Throws `AmbiguousEvent` at once. */
  readonly within: (aggregates: ReadonlyArray<Owner>) => Selection<E>
}

/** What must be known of an aggregate, to say whose an event is. */
export interface Owner {
  readonly aggregate: string
  readonly events: ReadonlyArray<Event.Any>
}

/** A reader names an event that two aggregates use, and not of which. */
export class AmbiguousEvent extends Error {
  override readonly name = "AmbiguousEvent"
  constructor(reader: string, event: string, aggregates: ReadonlyArray<string>) {
    const [first, second] = aggregates
    super(
      `${reader} names the event ${event}, which ${aggregates.join(" and ")} use; ` +
        `name it of one of them, with ${first}.event(…) or ${second}.event(…)`
    )
  }
}

/** Every name under which an event was ever stored. */
const namesOf = ({ formerTags, tag }: Event.Any): ReadonlyArray<string> => [tag, ...formerTags]

/** The aggregates that declare exactly this event; where none does, those of the list that have one of its name. */
const ownersOf = (event: Event.Any, among: ReadonlyArray<Owner> | undefined): ReadonlyArray<string> => {
  const declaring = [...EventOwner.ownersOf(event)].sort()
  if (among === undefined) return declaring
  const here = declaring.filter((name) => among.some(({ aggregate }) => aggregate === name))
  if (declaring.length > 0) return here.length > 0 ? here : declaring
  const names = new Set(namesOf(event))
  return among
    .filter(({ events }) => events.some((each) => namesOf(each).some((name) => names.has(name))))
    .map(({ aggregate }) => aggregate)
    .sort()
}

interface Source<E extends { readonly _tag: string }> {
  /** How the streams begin that it is read from; empty: all. */
  readonly prefix: string
  readonly codec: EventCodec.EventCodec<E>
}

/** By the stored name of an event: first what aggregates have under it, then what no aggregate has. */
type Sources<E extends { readonly _tag: string }> = ReadonlyMap<string, ReadonlyArray<Source<E>>>

const sourcesOf = <E extends Event.Any>(
  events: ReadonlyArray<E>,
  ownerOf: (event: Event.Any) => string | undefined
): Sources<Event.Of<E>> => {
  const groups = new Map<string, Array<E>>()
  for (const event of events) {
    const owner = ownerOf(event)
    const prefix = owner === undefined ? "" : StreamId.prefixOf(owner)
    groups.set(prefix, [...(groups.get(prefix) ?? []), event])
  }
  const sources = new Map<string, ReadonlyArray<Source<Event.Of<E>>>>()
  for (const [prefix, group] of groups) {
    const source = { prefix, codec: EventCodec.make(group) as EventCodec.EventCodec<Event.Of<E>> }
    for (const name of group.flatMap(namesOf)) {
      const others = sources.get(name) ?? []
      sources.set(name, prefix === "" ? [...others, source] : [source, ...others])
    }
  }
  return sources
}

/**
 * `reader` is what it is called in an error. The aggregate of a bare event is looked up when the reader first reads,
 * since an aggregate may be declared after it. Fails with `InvalidEvents` where the events of one aggregate do not go
 * together.
 */
export const make = <E extends Event.Any>(
  reader: string,
  events: ReadonlyArray<E>,
  among?: ReadonlyArray<Owner>
): Selection<Event.Of<E>> => {
  // What is wrong with the events themselves is found where they are listed, whatever aggregate has them.
  sourcesOf(events, (event) => ownersOf(event, among)[0])
  let resolved: Sources<Event.Of<E>> | undefined
  const resolve = (): Sources<Event.Of<E>> => {
    resolved ??= sourcesOf(events, (event) => {
      const owners = ownersOf(event, among)
      if (owners.length > 1) throw new AmbiguousEvent(reader, event.tag, owners)
      return owners[0]
    })
    return resolved
  }
  return {
    codecOf: ({ streamId, type }) => {
      for (const { codec, prefix } of (resolved ?? resolve()).get(type) ?? none) {
        if (streamId.startsWith(prefix)) return codec
      }
      return undefined
    },
    reach: () => {
      const found = resolve()
      const prefixes = new Set([...found.values()].flat().map(({ prefix }) => prefix))
      return { prefixes: prefixes.has("") ? [""] : [...prefixes], types: new Set(found.keys()), streams: null }
    },
    check: () => void resolve(),
    within: (aggregates) => {
      const selection = make(reader, events, aggregates)
      selection.check()
      return selection
    }
  }
}

const none: ReadonlyArray<never> = []
