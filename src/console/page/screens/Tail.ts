/**
 * The live tail: events as they are stored, newest first. A chip shows one kind or aggregate alone, or leaves it out.
 * While it is paused what comes is counted and held, and after a lost connection a line says that there was a gap, and
 * that what was stored in it is here.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import type { Overview } from "../../../http/ConsoleViews.ts"
import type { StoredEvent } from "../../../http/ServiceApi.ts"
import * as Api from "../Api.ts"
import * as Feed from "../Feed.ts"
import * as Format from "../Format.ts"
import { type Element, html } from "../Html.ts"
import { aggregateLink, Badge, Empty, Loading, Stale, Trouble } from "../Parts.ts"
import * as Route from "../Route.ts"
import { Rows, useWindow } from "../Window.ts"
import * as Words from "../Words.ts"

/** Events that are kept to look at, and as many that are held while it is paused. */
const most = 10_000
/** Milliseconds between two looks of the page at what came: nobody reads faster, and the machine has other work. */
const everyMillis = 100
/** Pixels of a line: all of it in one row, or in three where the screen is narrow. */
const [rowHeight, rowHeightNarrow] = [34, 78]
const narrow = matchMedia("(max-width: 60rem)")

type Line = { readonly kind: "event"; readonly event: StoredEvent } | { readonly kind: "notice"; readonly text: string }

interface Shown {
  readonly lines: ReadonlyArray<Line>
  /** Lines that were put before the others, of all that there were. */
  readonly added: number
  readonly held: number
  readonly dropped: number
}

const nothing: Shown = { lines: [], added: 0, held: 0, dropped: 0 }

interface Rule {
  readonly by: "type" | "aggregate"
  readonly name: string
  readonly isOut: boolean
}

/** As in the address: `type:Opened`, and `!type:Opened` of what is left out. */
const parse = (text: string | undefined): ReadonlyArray<Rule> =>
  (text ?? "").split(" ").flatMap((word) => {
    const [, out, by, name] = /^(!?)(type|aggregate):(.+)$/.exec(word) ?? []
    return by === "type" || by === "aggregate" ? [{ by, name: decodeURIComponent(name ?? ""), isOut: out === "!" }] : []
  })
const format = (rules: ReadonlyArray<Rule>): string =>
  rules.map(({ by, isOut, name }) => `${isOut ? "!" : ""}${by}:${encodeURIComponent(name)}`).join(" ")

const wordOf = (event: StoredEvent, by: Rule["by"]): string =>
  by === "type" ? event.type : event.streamId.slice(0, event.streamId.indexOf("-"))

/** What the service is asked for: what is to be shown. What is left out comes, and is not shown. */
const pathOf = (after: number, rules: ReadonlyArray<Rule>): string => {
  const query = new URLSearchParams({ after: String(after), skipDamaged: "true" })
  for (const { by, isOut, name } of rules) if (!isOut) query.append(by, name)
  return `/events/stream?${query}`
}

const noticeOf = ({ data, event }: Feed.Message): string =>
  event === "damaged"
    ? `An event is damaged, and is not shown: ${data}`
    : `An event of a newer release is here: ${data}. The feed goes on once that is deployed.`

/** Events of a page before the head, so that one sees what happened last. */
const before = 50

/** Who may not ask for the whole log's head begins at the log's begin. */
const startOf = async (signal: AbortSignal): Promise<number> => {
  try {
    const { head } = await Api.get<Overview>("/console/overview", signal)
    return Math.max(head.position - before, 0)
  } catch (error) {
    if (Api.problemOf(error).body.status === 403) return 0
    throw error
  }
}

const useTail = (rules: ReadonlyArray<Rule>, isPaused: boolean) => {
  const [shown, setShown] = useState<Shown>(nothing)
  const [state, setState] = useState<"live" | "waiting" | "ended">("waiting")
  const [problem, setProblem] = useState<Api.Problem>()
  /** When it was last live; undefined while it is. */
  const [until, setUntil] = useState<number>()
  const [round, setRound] = useState(0)
  const lines = useRef<ReadonlyArray<Line>>([])
  const added = useRef(0)
  const held = useRef<Array<Line>>([])
  const paused = useRef(isPaused)
  const dropped = useRef(0)
  const drawing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  paused.current = isPaused
  const asked = format(rules)

  const draw = useRef(() => {
    drawing.current ??= setTimeout(() => {
      drawing.current = undefined
      if (!paused.current && held.current.length > 0) {
        added.current += held.current.length
        lines.current = [...held.current.toReversed(), ...lines.current].slice(0, most)
        held.current = []
      }
      setShown({
        lines: lines.current,
        added: added.current,
        held: held.current.length,
        dropped: dropped.current
      })
    }, everyMillis)
  })

  useEffect(() => {
    const abort = new AbortController()
    lines.current = []
    added.current = 0
    held.current = []
    dropped.current = 0
    setProblem(undefined)
    setUntil(undefined)
    setState("waiting")
    setShown(nothing)
    let position: number | undefined
    let isLive = false
    let wasLost = false
    /** Said since the last event: a feed that ends again and again for one reason says so once. */
    const said = new Set<string>()
    const isOut = (event: StoredEvent) => rules.some(({ by, isOut, name }) => isOut && wordOf(event, by) === name)
    const take = (line: Line): void => {
      held.current.push(line)
      if (held.current.length > most) dropped.current += held.current.splice(0, held.current.length - most).length
    }
    const notice = (text: string): void => {
      if (said.has(text)) return
      said.add(text)
      take({ kind: "notice", text })
    }
    const onMessages = (messages: ReadonlyArray<Feed.Message>): void => {
      for (const message of messages) {
        if (message.event === "damaged" || message.event === "newer-release") {
          notice(noticeOf(message))
          continue
        }
        const event = JSON.parse(message.data) as StoredEvent
        position = event.position
        said.clear()
        if (!isOut(event)) take({ kind: "event", event })
      }
      draw.current()
    }
    const onState = (next: "live" | "waiting" | "ended", problem?: Api.Problem): void => {
      if (next === "live" && wasLost) {
        notice(`The connection was lost, and is there again: what was stored after position ${position} follows.`)
        draw.current()
      }
      wasLost = next !== "live" && (wasLost || isLive)
      if (isLive && next !== "live") setUntil(Date.now())
      isLive = next === "live"
      setState(next)
      setProblem(problem)
    }
    const place = async (): Promise<number> => {
      position ??= await startOf(abort.signal)
      return position
    }
    void Feed.follow({ path: (after) => pathOf(after, rules), onMessages, onState, position: place }, abort.signal)
    return () => {
      abort.abort()
      clearTimeout(drawing.current)
      drawing.current = undefined
    }
  }, [asked, round])
  useEffect(() => draw.current(), [isPaused])
  // By itself it comes again where the connection is lost, and not where it was refused.
  return { ...shown, state, problem, until, again: state === "ended" ? () => setRound(round + 1) : undefined }
}

const useIsNarrow = (): boolean => {
  const [isNarrow, setNarrow] = useState(narrow.matches)
  useEffect(() => {
    const changed = () => setNarrow(narrow.matches)
    narrow.addEventListener("change", changed)
    return () => narrow.removeEventListener("change", changed)
  }, [])
  return isNarrow
}

/**
 * The lines in sight. A line that the reader has scrolled to, or that has the focus, stays in its place while others
 * come.
 */
const Lines = ({
  added,
  lines,
  view
}: Pick<Shown, "added" | "lines"> & { readonly view: (line: Line) => Element }): Element => {
  const height = useIsNarrow() ? rowHeightNarrow : rowHeight
  const window = useWindow(lines.length, height)
  const before = useRef(added)
  useLayoutEffect(() => {
    const box = window.box.current
    const more = added - before.current
    before.current = added
    if (box === null || more <= 0) return
    const { activeElement } = document
    if (box.scrollTop === 0 && (activeElement === box || !box.contains(activeElement))) return
    box.scrollTop += more * height
    window.measure()
  }, [added])
  const keyOf = (index: number) => {
    const line = lines[index]
    return line?.kind === "event" ? line.event.position : (line?.text ?? index)
  }
  const row = (index: number) => {
    const line = lines[index]
    return line === undefined ? html`<span></span>` : view(line)
  }
  return html`<${Rows} name="Events, newest first" window=${window} total=${lines.length} rowHeight=${height} keyOf=${keyOf} row=${row} />`
}

export const Tail = ({ route: { path, query } }: { readonly route: Route.Route }): Element => {
  const app = Words.useApplication()
  const rules = parse(query.only)
  const [isPaused, setPaused] = useState(false)
  const { added, again, dropped, held, lines, problem, state, until } = useTail(rules, isPaused)
  const change = (next: ReadonlyArray<Rule>) => Route.go(path, { only: format(next) })
  const same = (left: Rule, right: Pick<Rule, "by" | "name">) => left.by === right.by && left.name === right.name
  const chip = (rule: Rule) => html`<span class=${`chip ${rule.isOut ? "out" : ""}`}>
    <button type="button" aria-label=${`${rule.isOut ? "Without" : "Only"} ${rule.by} ${rule.name}: turn around`}
      onClick=${() => change(rules.map((each) => (same(each, rule) ? { ...each, isOut: !each.isOut } : each)))}>${rule.isOut ? "without" : "only"} ${rule.by} <b>${rule.name}</b></button>
    <button type="button" aria-label=${`Remove the filter ${rule.name}`} onClick=${() => change(rules.filter((each) => !same(each, rule)))}>×</button>
  </span>`
  const add = (by: Rule["by"], name: string, isOut: boolean) => {
    if (name !== "" && !rules.some((rule) => same(rule, { by, name }))) change([...rules, { by, name, isOut }])
  }
  const line = (each: Line): Element => {
    if (each.kind === "notice") {
      const text = Format.visible(each.text)
      return html`<div class="gap" title=${text}>${text}</div>`
    }
    const { event } = each
    const subject = Words.subjectOf(app, event.streamId)
    return html`<div class="live">
      <span class="figure place">${event.position}</span>
      <span class="when" title=${Format.local(event.recordedAt)}>${Format.utc(event.recordedAt)}</span>
      <span class="what">${aggregateLink(subject?.aggregate ?? null, subject?.id ?? null, event.streamId, event.version)}
        <b>${event.type}</b>
        <button type="button" class="small" aria-label=${`Only ${event.type}`} onClick=${() => add("type", event.type, false)}>only</button>
        <button type="button" class="small" aria-label=${`Without ${event.type}`} onClick=${() => add("type", event.type, true)}>without</button></span>
      <code class="data">${Format.inline(event.data)}</code>
    </div>`
  }
  return html`<section>
    <h1>Live tail</h1>
    <form class="bar" onSubmit=${(event: Event) => {
      event.preventDefault()
      const form = event.target as HTMLFormElement
      add("type", String(new FormData(form).get("type")).trim(), false)
      form.reset()
    }}>
      <button type="button" class="primary" aria-pressed=${isPaused} onClick=${() => setPaused(!isPaused)}>${isPaused ? `Resume, ${Format.count(held)} held` : "Pause"}</button>
      <${Badge} kind=${state === "live" ? "good" : "warning"}>${state === "live" ? (isPaused ? "paused" : "live") : state === "ended" ? "ended" : "connecting"}<//>
      <label>Type <input name="type" autocomplete="off" /></label> <button>Add</button>
      ${app.aggregates.map(({ prefix }) => html`<button type="button" class="small" onClick=${() => add("aggregate", prefix, false)}>only ${prefix}</button>`)}
      ${rules.map(chip)}
    </form>
    ${dropped > 0 && html`<p class="notice">${Format.plural(dropped, "event")} came while it was paused that are held no more; the log has them.</p>`}
    ${problem !== undefined && (lines.length > 0 && until !== undefined ? html`<${Stale} problem=${problem} at=${until} again=${again} />` : html`<${Trouble} problem=${problem} again=${again} />`)}
    <p class="quiet">Newest first, the last ${Format.count(most)} of them.</p>
    ${lines.length === 0 ? problem === undefined && (state === "live" ? html`<${Empty}>No event yet; the next one appears here.<//>` : html`<${Loading} />`) : html`<${Lines} added=${added} lines=${lines} view=${line} />`}
  </section>`
}
