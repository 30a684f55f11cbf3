/** Three nodes behind a round robin: a client meets another node with each request, and does not notice. */
import { createHash, randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Cli from "../cli/Cli.ts"
import * as Feed from "../http/Feed.ts"
import { assertProblem } from "../http/Problems.ts"
import * as Service from "../http/Service.ts"
import * as Tour from "../http/Tour.ts"
import { schema } from "../sql/Postgres.ts"
import { temporaryFolder } from "../sql/TemporaryFolder.ts"
import * as Nodes from "./Nodes.ts"
import * as RoundRobin from "./RoundRobin.ts"

const count = 3

/** The text of a file of tokens, each of them its own name. */
const fileOf = (...names: ReadonlyArray<string>) =>
  JSON.stringify(
    names.map((name) => ({ name, sha256: createHash("sha256").update(name).digest("hex"), scopes: ["admin"] }))
  )
const as = (name: string) => ({ authorization: `Bearer ${name}` })

class Cluster extends Context.Tag("test/cluster/roundRobin/Cluster")<
  Cluster,
  {
    /** Of the round robin. */
    readonly url: string
    readonly nodes: ReadonlyArray<Nodes.Node>
    /** The file that all nodes read their tokens from. */
    readonly tokens: string
  }
>() {}

const cluster = Layer.scoped(
  Cluster,
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const [tokens, key] = [join(folder, "tokens.json"), join(folder, "session.key")]
    writeFileSync(tokens, fileOf("till", "desk"))
    writeFileSync(key, randomBytes(32).toString("hex"))
    const more = ["--tokens", tokens, "--session-key", key]
    const nodes = yield* Nodes.start(Cli.program(), yield* schema, count, more)
    return { nodes, tokens, url: yield* RoundRobin.before(nodes.map(({ url }) => url)) }
  })
).pipe(Layer.orDie)

/** A request under the token of the till, if none is named. */
const ask = (path: string, { headers, ...asked }: Service.Asked = {}) =>
  Effect.flatMap(Cluster, ({ url }) =>
    Service.ask(`${url}${path}`, { ...asked, headers: { ...as("till"), ...headers } })
  )

const nodeOf = ({ headers }: Service.Answer) => headers.get(RoundRobin.nodeField)

/** The same of each node, one after the other. */
const askEach = (path: string, asked?: Service.Asked) =>
  Effect.tap(Effect.replicateEffect(ask(path, asked), count), (answers) =>
    assert.strictEqual(new Set(answers.map(nodeOf)).size, count, "a node was not asked")
  )

/** A read that waits for its model, which is tried again as `Retry-After` says where that took too long. */
const askModel = (path: string) =>
  Effect.repeat(ask(path), { while: ({ json, status }) => status === 503 && json.code === "view-behind" })

let accounts = 0
const open = Effect.gen(function* () {
  // None of them is how another one begins.
  const accountId = String(++accounts).padStart(4, "0")
  const { status, text } = yield* ask("/accounts", { body: { accountId, owner: "Anna", currency: "EUR" } })
  assert.strictEqual(status, 201, text)
  return accountId
})

const deposit = (id: string, amount = "1", more: Service.Asked = {}) =>
  ask(`/accounts/${id}/deposits`, { body: { amount }, ...more })

layer(cluster, { excludeTestServices: true })("three nodes behind a round robin", (it) => {
  it.effect("answer a key as the node did that was asked first, and refuse it to another request or name (HX2)", () =>
    Effect.gen(function* () {
      const [id, other] = [yield* open, yield* open]
      const posts: ReadonlyArray<readonly [path: string, body: object, status: number]> = [
        ["/accounts", { owner: "A", currency: "EUR" }, 201],
        [`/accounts/${id}/deposits`, { amount: "5" }, 200],
        [`/accounts/${id}/withdrawals`, { amount: "100" }, 409],
        [`/accounts/${id}/holds`, { amount: "1" }, 201],
        ["/transfers", { from: id, to: other, amount: "1" }, 201],
        ["/projections/account_summary/rebuild", {}, 202]
      ]
      for (const [index, [path, body, status]] of posts.entries()) {
        const asked = { body, key: `round ${index}` }
        // A transfer that is pending is not what its key answers in the end.
        const first = yield* Effect.repeat(ask(path, asked), {
          while: (answer) => path === "/transfers" && answer.status === 202
        })
        assert.strictEqual(first.status, status, `${path} ${first.text}`)
        for (const again of yield* askEach(path, asked)) {
          assert.deepStrictEqual([again.status, again.text], [status, first.text], path)
          assert.strictEqual(again.headers.get("idempotency-replayed"), "true", path)
          assert.match(again.headers.get("daybook-position") ?? "", /^\d+$/, path)
        }
        const others: ReadonlyArray<readonly [path: string, asked: Service.Asked]> = [
          [path, { ...asked, headers: as("desk") }],
          [`/accounts/${other}/deposits`, { ...asked, body: { amount: "7" } }]
        ]
        for (const [elsewhere, changed] of others) {
          for (const refused of yield* askEach(elsewhere, changed)) assertProblem(refused, "idempotency-key-reused")
        }
      }
      for (const [account, balance] of [
        [id, "4.00"],
        [other, "1.00"]
      ]) {
        for (const { json } of yield* askEach(`/accounts/${account}`)) assert.strictEqual(json.balance, balance)
      }

      const together = yield* Effect.replicateEffect(deposit(other, "2", { key: "together" }), 2 * count, {
        concurrency: "unbounded"
      })
      for (const { status, text } of together) assert.strictEqual(status, 200, text)
      assert.strictEqual(new Set(together.map(({ text }) => text)).size, 1)
      assert.strictEqual((yield* ask(`/accounts/${other}`)).json.balance, "3.00")
    })
  )

  it.effect("take each other's tags of versions, and say who did what whichever was asked (HX4 HX10)", () =>
    Effect.gen(function* () {
      const id = yield* open
      const names = ["till", "desk", "till", "desk"]
      for (const name of names) {
        const etag = (yield* ask(`/accounts/${id}`)).headers.get("etag") ?? ""
        assert.strictEqual((yield* ask(`/accounts/${id}`, { headers: { "if-none-match": etag } })).status, 304)
        const headers = { ...as(name), "if-match": etag }
        assert.strictEqual((yield* deposit(id, "1", { headers })).status, 200)
        for (const stale of yield* Effect.replicateEffect(deposit(id, "1", { headers }), count)) {
          assertProblem(stale, "version-mismatch")
        }
      }
      for (const { json } of yield* askEach(`/accounts/${id}/events`)) {
        assert.deepStrictEqual(
          json.events.map(({ principal }: { readonly principal: string }) => principal),
          ["till", ...names]
        )
      }
    })
  )

  it.effect("show a write to whoever asks another node for it right after (minPosition)", () =>
    Effect.gen(function* () {
      const id = yield* open
      for (let number = 1; number <= 2 * count; number++) {
        const { headers, json, status } = yield* deposit(id)
        assert.strictEqual(status, 200)
        const position = Number(headers.get("daybook-position"))
        assert.strictEqual(position, json.position)
        const seen = []
        for (const _ of Array.from({ length: count })) {
          const summary = yield* askModel(`/accounts/${id}/summary?minPosition=${position}`)
          assert.deepStrictEqual([summary.status, summary.json.transactionCount], [200, number], summary.text)
          const page = yield* ask(`/events?after=${position - 1}&limit=1`)
          assert.deepInclude(page.json.events[0], { position, streamId: `account-${id}` })
          assert.strictEqual((yield* ask(`/accounts/${id}?version=${number + 1}`)).json.version, number + 1)
          seen.push(nodeOf(summary), nodeOf(page))
        }
        assert.isAbove(new Set(seen).size, 1)
      }
      for (const beyond of yield* askEach(`/accounts/${id}/summary?minPosition=1000000`)) {
        assertProblem(beyond, "position-ahead")
      }
    })
  )

  it.effect("go on with pages that another one began (HX5)", () =>
    Effect.gen(function* () {
      const ids = yield* Effect.replicateEffect(open, 7)
      const amounts = new Map(ids.map((id, index) => [id, `${index + 1}.00`]))
      let position = 0
      for (const [id, amount] of amounts) position = (yield* deposit(id, amount)).json.position
      const found: Array<string> = []
      const asked = new Set<string | null>()
      let cursor: string | null = ""
      while (cursor !== null) {
        const rest: string = cursor === "" ? `&minPosition=${position}` : `&cursor=${cursor}`
        const page: Service.Answer = yield* askModel(`/accounts?sort=-balance&limit=2${rest}`)
        assert.strictEqual(page.status, 200, page.text)
        asked.add(nodeOf(page))
        found.push(...page.json.accounts.map(({ accountId }: { readonly accountId: string }) => accountId))
        cursor = page.json.nextCursor
      }
      assert.strictEqual(asked.size, count)
      assert.strictEqual(new Set(found).size, found.length)
      assert.deepStrictEqual(
        found.filter((id) => amounts.has(id)),
        ids.toReversed()
      )

      const positions: Array<number> = []
      for (let after: number | null = 0; after !== null; ) {
        const { json }: Service.Answer = yield* ask(`/events?after=${after}&limit=3`)
        positions.push(...json.events.map((event: { readonly position: number }) => event.position))
        after = json.next
      }
      assert.deepStrictEqual(
        positions,
        Array.from(positions, (_, index) => index + 1)
      )
      assert.isAtLeast(positions.length, position)
    })
  )

  it.effect("go on with a feed that another one began, also with what is written meanwhile", () =>
    Effect.gen(function* () {
      const { url } = yield* Cluster
      const id = yield* open
      const first = (yield* deposit(id)).json.position
      const follow = (lastEventId: number) =>
        Feed.follow(`${url}/events/stream?stream=account-${id}`, {
          ...as("till"),
          "last-event-id": String(lastEventId)
        })
      const nodes = new Set<unknown>()
      const got: Array<number> = [first]
      const made: Array<number> = [first]
      for (let round = 0; round < 2 * count; round++) {
        // One is stored before the feed begins, and one while it is followed.
        made.push((yield* deposit(id)).json.position)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const feed = yield* follow(got.at(-1) ?? 0)
            nodes.add(feed.headers[RoundRobin.nodeField])
            got.push(...(yield* Feed.positions(feed, 1)))
            made.push((yield* deposit(id)).json.position)
            got.push(...(yield* Feed.positions(feed, 1)))
          })
        )
        // So that the next one does not come to the same node: three requests are made in a round.
        yield* ask("/health/live")
      }
      assert.deepStrictEqual(got, made)
      assert.isAbove(nodes.size, 1)
    })
  )

  it.effect("take a sign-in of each other, and a file of tokens that changed ends it on all of them (HX9)", () =>
    Effect.gen(function* () {
      const { nodes, tokens, url } = yield* Cluster
      const take = (...names: ReadonlyArray<string>) => {
        writeFileSync(tokens, fileOf("till", "desk", ...names))
        for (const { process } of nodes) process.kill("SIGHUP")
      }
      /** Until each node answers this to the token. */
      const until = (name: string, expected: number) =>
        Effect.forEach(nodes, (node) =>
          Effect.repeat(Service.ask(`${node.url}/events?limit=1`, { headers: as(name) }), {
            until: ({ status }) => status === expected,
            schedule: Schedule.spaced("50 millis")
          })
        )
      take("guest")
      yield* until("guest", 200)

      const signedIn = yield* Service.ask(`${url}/session`, { method: "PUT", body: { token: "guest" } })
      assert.strictEqual(signedIn.status, 200, signedIn.text)
      const cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0] ?? ""
      const byCookie = (path: string, asked: Service.Asked = {}) =>
        Effect.replicateEffect(
          Service.ask(`${url}${path}`, { ...asked, headers: { cookie, "daybook-csrf": signedIn.json.csrf } }),
          count
        )
      for (const shown of yield* byCookie("/session")) assert.deepStrictEqual(shown.json, signedIn.json)
      const id = yield* open
      for (const { status, text } of yield* byCookie(`/accounts/${id}/deposits`, { body: { amount: "1" } })) {
        assert.strictEqual(status, 200, text)
      }
      const { json } = yield* ask(`/accounts/${id}/events?after=1`)
      assert.deepStrictEqual(
        json.events.map(({ principal }: { readonly principal: string }) => principal),
        Array.from({ length: count }, () => "guest")
      )
      const feeds = yield* Effect.replicateEffect(Feed.follow(`${url}/events/stream`, as("guest")), count)

      take("successor")
      yield* until("guest", 401)
      yield* until("successor", 200)
      for (const answer of yield* askEach("/accounts", { headers: as("guest") })) assertProblem(answer, "unauthorized")
      for (const answer of yield* askEach("/accounts", { headers: as("successor") })) {
        assert.strictEqual(answer.status, 200)
      }
      for (const answer of yield* byCookie("/accounts")) assertProblem(answer, "unauthorized")
      for (const feed of feeds) yield* feed.ended
    }).pipe(Effect.scoped)
  )
})

describe("the tour of docs/http.md", () => {
  it.scopedLive("is answered by three nodes as by one", () =>
    Effect.gen(function* () {
      const nodes = yield* Nodes.start(Cli.program(), yield* schema, count)
      yield* Tour.run(yield* RoundRobin.before(nodes.map(({ url }) => url)))
    })
  )
})
