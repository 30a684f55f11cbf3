/**
 * The console: a session, the application's words, and the view that the address names, under one bar with one search
 * box.
 */
import { render } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import type { SessionView } from "../../http/SessionApi.ts"
import { Acting, Session } from "./Action.ts"
import * as Api from "./Api.ts"
import * as Format from "./Format.ts"
import { type Element, html } from "./Html.ts"
import * as Keys from "./Keys.ts"
import { Badge, Empty, Loading, Trouble } from "./Parts.ts"
import { useResource } from "./Resource.ts"
import * as Route from "./Route.ts"
import { Aggregate } from "./screens/Aggregate.ts"
import { Aggregates } from "./screens/Aggregates.ts"
import { Command } from "./screens/Command.ts"
import { Journal } from "./screens/Journal.ts"
import { Nodes } from "./screens/Nodes.ts"
import { Overview } from "./screens/Overview.ts"
import { Projections } from "./screens/Projections.ts"
import { Search } from "./screens/Search.ts"
import { SignIn } from "./screens/SignIn.ts"
import { Store } from "./screens/Store.ts"
import { Tail } from "./screens/Tail.ts"
import { Timers } from "./screens/Timers.ts"
import * as Words from "./Words.ts"

const places = [
  { id: "overview", title: "Overview" },
  { id: "aggregates", title: "Aggregates" },
  { id: "tail", title: "Live tail" },
  { id: "projections", title: "Projections" },
  { id: "reactions", title: "Reactions" },
  { id: "timers", title: "Timers" },
  { id: "journal", title: "Journal" },
  { id: "store", title: "Store" },
  { id: "nodes", title: "Nodes" }
] as const

const viewOf = (route: Route.Route): Element => {
  const [place = "overview", ...rest] = route.path
  switch (place) {
    case "overview":
      return html`<${Overview} />`
    case "search":
      return html`<${Search} q=${route.query.q ?? ""} />`
    case "aggregates":
      return html`<${Aggregates} route=${route} />`
    case "aggregate":
      return html`<${Aggregate} key=${rest.join("/")} route=${route} />`
    case "command":
      return html`<${Command} key=${rest.join("/")} aggregate=${rest[0] ?? ""} id=${rest[1] ?? ""} commandId=${rest[2] ?? ""} />`
    case "tail":
      return html`<${Tail} route=${route} />`
    case "projections":
      return html`<${Projections} key="projections" kind="projection" />`
    case "reactions":
      return html`<${Projections} key="reactions" kind="reaction" />`
    case "timers":
      return html`<${Timers} route=${route} />`
    case "journal":
    case "operations":
      return html`<${Journal} route=${route} />`
    case "store":
      return html`<${Store} />`
    case "nodes":
      return html`<${Nodes} />`
    default:
      return html`<section><h1>Not here</h1><${Empty}>There is no view of this name; the menu has those that there are.<//></section>`
  }
}

/** Under which entry of the menu a place is. */
const menuOf = (place: string): string =>
  place === "aggregate" || place === "command" ? "aggregates" : place === "operations" ? "journal" : place

const SearchBox = ({ q }: { readonly q: string }): Element => {
  const field = useRef<HTMLInputElement>(null)
  return html`<form class="search" role="search" aria-label="Everything" onSubmit=${(event: Event) => {
    event.preventDefault()
    const typed = field.current?.value.trim() ?? ""
    if (typed === "") return
    field.current?.blur()
    Route.go(["search"], { q: typed })
  }}>
    <input id="search" ref=${field} type="search" name="q" value=${q} autocomplete="off" spellcheck=${false}
      aria-label="Search: id, command, correlation, position or trace" placeholder="Search:  /" />
  </form>`
}

const Who = ({ session }: { readonly session: SessionView }): Element => html`<div class="who">
  ${session.readOnly || session.scope !== "admin" ? html`<${Badge} kind="plain">read only<//>` : html`<${Badge} kind="warning">may change things<//>`}
  <span>${session.principal === null ? "" : Format.visible(session.principal)}</span>
  ${session.tokens && html`<button type="button" onClick=${() => void Api.signOut().catch(() => location.reload())}>Sign out</button>`}
</div>`

const House = ({ session }: { readonly session: SessionView }): Element => {
  const route = Route.useRoute()
  const application = useResource<Words.ApplicationView>("/console/application")
  const place = route.path[0] ?? "overview"
  const main = useRef<HTMLElement>(null)
  const menu = useRef<HTMLElement>(null)
  const app = application.value
  const title = app === undefined ? "Console" : (app.words.title ?? app.name)
  useEffect(() => {
    document.title = [...route.path.slice(-1), place, title]
      .filter((part, at, all) => all.indexOf(part) === at)
      .join(" · ")
  }, [location.hash, title])
  useEffect(() => {
    scrollTo(0, 0)
    // On a narrow screen the menu is wider than that.
    menu.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" })
  }, [route.path.join("/")])
  const view = () => {
    if (application.problem !== undefined && app === undefined && application.problem.body.status !== 403) {
      return html`<${Trouble} problem=${application.problem} again=${application.again} />`
    }
    return app === undefined && application.problem === undefined ? html`<${Loading} />` : viewOf(route)
  }
  return html`<${Session.Provider} value=${session}>
    <a class="skip" href="#main" onClick=${(event: Event) => {
      event.preventDefault()
      main.current?.focus()
    }}>To the content</a>
    <header>
      <a class="name" href="#/overview">${title}</a>
      <${SearchBox} key=${route.query.q} q=${place === "search" ? (route.query.q ?? "") : ""} />
      <${Who} session=${session} />
    </header>
    <nav class="menu" ref=${menu} aria-label="Views">${places.map(({ id, title: name }) => html`<a href=${`#/${id}`} aria-current=${menuOf(place) === id ? "page" : undefined}>${name}</a>`)}</nav>
    <main ref=${main} tabindex="-1">
      <${Acting}>${app === undefined ? view() : html`<${Words.Application.Provider} value=${app}>${view()}<//>`}<//>
    </main>
  <//>`
}

const Console = (): Element => {
  const [session, setSession] = useState<SessionView>()
  const [problem, setProblem] = useState<Api.Problem>()
  const load = (): void => {
    Api.loadSession().then(
      (found) => {
        setProblem(undefined)
        setSession(found)
      },
      (error: unknown) => setProblem(Api.problemOf(error))
    )
  }
  useEffect(() => {
    Api.begin(load)
    load()
    return Keys.listen()
  }, [])
  if (problem !== undefined && session === undefined)
    return html`<main><${Trouble} problem=${problem} again=${load} /></main>`
  if (session === undefined) return html`<main><${Loading} /></main>`
  if (session.scope === null) return html`<${SignIn} onSession=${setSession} />`
  return html`<${House} key=${session.principal} session=${session} />`
}

const root = document.getElementById("app")
if (root !== null) render(html`<${Console} />`, root)
