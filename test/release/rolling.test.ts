/**
 * A rolling deploy: the release before and this one serve one PostgreSQL database at once, clients send keyed commands
 * to either and again to the other, and then the older one is stopped. Nothing is done twice and nothing that was
 * answered is lost. Since the newer one has migrated the log, the database refuses what the older one writes: its
 * clients are told so, and the newer one answers them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import { inject } from "vitest"
import { codes } from "../../src/bank/http/BankProblem.ts"
import { type Answer, ask, tryAsk } from "../http/Service.ts"
import { isLong, random } from "../Random.ts"
import { schema } from "../sql/Postgres.ts"
import * as Recording from "./Recording.ts"
import * as Releases from "./Releases.ts"

const clients = 3
const commands = isLong ? 200 : 30

/** Commands that the older release fails to store before it is stopped. */
const maxRefusals = 20

/** How often a client sends one command; each release is asked every other time. */
const maxAttempts = 200

interface Command {
  readonly key: string
  readonly path: string
  readonly body: object
  /** Minor units that it adds to its client's account when it succeeds. */
  readonly adds: number
}

const minor = (amount: string): number => Math.round(Number(amount) * 100)

/** Answered for good: done, or refused by the account. Everything else asks to be sent again. */
const isFinal = ({ status }: Answer): boolean => status === 200 || status === 201 || status === 409

const wasReplayed = ({ headers }: Answer): boolean => headers.get("idempotency-replayed") === "true"

/** The text of the answer, or the code of one that is not final. */
const outcomeOf = (answer: Answer): string => (isFinal(answer) ? answer.text : `${answer.status} ${answer.json.code}`)

const shop = "shop"
const accountOf = (client: number): string => `client-${client}`

const commandsOf = (client: number, next: () => number): ReadonlyArray<Command> =>
  Array.from({ length: commands }, (_, index): Command => {
    const key = `${client}-${index}`
    const amount = (1 + Math.floor(next() * 500)) / 100
    const account = `/accounts/${accountOf(client)}`
    const body = { amount: index % 2 === 0 ? amount.toFixed(2) : String(amount), reference: `number ${index}` }
    const by = minor(body.amount)
    const kind = next()
    if (kind < 0.45) return { key, path: `${account}/deposits`, body: { ...body, bookedOn: "2026-01-31" }, adds: by }
    if (kind < 0.65) return { key, path: `${account}/withdrawals`, body, adds: -by }
    if (kind < 0.8) return { key, path: `${account}/withdrawals`, body: { amount: "1000000.00" }, adds: 0 }
    return { key, path: "/transfers", body: { ...body, from: accountOf(client), to: shop }, adds: -by }
  })

describe.skipIf(Releases.isMissing(Releases.before))("a rolling deploy", () => {
  it.scopedLive(
    "does each keyed command once, whichever release it is sent to, and again to (HT6, CV1)",
    () =>
      Effect.gen(function* () {
        const db = yield* schema
        const next = random("rolling deploy")
        const older = yield* Recording.serve(Releases.earlier(Releases.before), db)
        for (const accountId of [shop, ...Array.from({ length: clients }, (_, client) => accountOf(client))]) {
          const body = { accountId, owner: "A", currency: "EUR", overdraftLimit: "500" }
          assert.strictEqual((yield* ask(`${older.url}/accounts`, { body, key: accountId })).status, 201)
        }
        const newer = yield* Recording.serve(inject("dist"), db)
        const urls = { older: older.url, newer: newer.url }
        type Release = keyof typeof urls
        const other = (release: Release): Release => (release === "older" ? "newer" : "older")
        let refusals = 0
        const seen = new Map<string, number>()
        const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)

        const send = (release: Release, { body, key, path }: Command) =>
          Effect.either(tryAsk(`${urls[release]}${path}`, { body, key }))
        /** Sends it until it is answered for good, to one release and the other in turn. */
        const sendUntilFinal = (first: Release, command: Command) =>
          Effect.gen(function* () {
            let release = first
            for (let attempt = 0; attempt < maxAttempts; attempt++, release = other(release)) {
              const answer = yield* send(release, command)
              if (Either.isRight(answer) && isFinal(answer.right)) return { release, answer: answer.right }
              // One that was stopped is not there. The request is right, so it may be sent to the other.
              if (Either.isRight(answer)) {
                assert.notStrictEqual(answer.right.status, 400, answer.right.text)
                note(`${release} at first: ${outcomeOf(answer.right)}`)
                // It leads the transfers, and cannot do them any more: a deploy stops it now.
                if (release === "older" && ++refusals === maxRefusals) older.process.kill("SIGTERM")
              }
            }
            return assert.fail(`no answer to ${command.key}: ${[...seen.keys()].join()}`)
          })

        const answers = new Map<Command, Answer>()
        const client = (own: ReadonlyArray<Command>) =>
          Effect.forEach(
            own,
            (command) =>
              Effect.gen(function* () {
                const { answer, release: writer } = yield* sendUntilFinal(next() < 0.5 ? "older" : "newer", command)
                answers.set(command, answer)
                for (const release of ["older", "newer"] as const) {
                  const again = yield* send(release, command)
                  if (Either.isLeft(again)) {
                    assert.strictEqual(release, "older")
                    continue
                  }
                  const outcome = outcomeOf(again.right)
                  const isSame = outcome === answer.text && again.right.status === answer.status
                  note(`${writer} answered, ${release} was asked again: ${isSame ? "the same answer" : outcome}`)
                  if (isSame) assert.isTrue(wasReplayed(again.right), command.key)
                  // A transfer is looked at again; what the older release cannot know, it may refuse.
                  else {
                    assert.strictEqual(release, "older", `${command.key}: ${again.right.text}`)
                    assert.isFalse(isFinal(again.right), `${command.key} was done twice: ${again.right.text}`)
                    assert.property(codes, again.right.json.code)
                  }
                }
              }),
            { discard: true }
          )
        const all = Array.from({ length: clients }, (_, index) => commandsOf(index, next))
        yield* Effect.forEach(all, client, { concurrency: "unbounded", discard: true })
        assert.strictEqual(yield* older.ended, 0)

        for (const [{ body, key, path }, { status, text }] of answers) {
          const again = yield* ask(`${newer.url}${path}`, { body, key })
          assert.deepStrictEqual([again.status, again.text], [status, text], key)
        }
        const total = (commands: ReadonlyArray<Command>) =>
          commands.reduce((sum, command) => sum + (answers.get(command)?.status === 409 ? 0 : command.adds), 0)
        for (const [index, own] of all.entries()) {
          const { json } = yield* ask(`${newer.url}/accounts/${accountOf(index)}`)
          assert.strictEqual(minor(json.balance), total(own))
        }
        const received = -total(all.flat().filter(({ path }) => path === "/transfers"))
        assert.strictEqual(minor((yield* ask(`${newer.url}/accounts/${shop}`)).json.balance), received)
        console.log(
          [...seen]
            .map(([what, count]) => `${count} × ${what}`)
            .sort()
            .join("\n")
        )
      }),
    300_000
  )
})
