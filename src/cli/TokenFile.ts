/**
 * `TokenFile` keeps the tokens of a file as the file has them: it is read again when it changes, and on SIGHUP. What cannot be
 * read, or is not a list of tokens, changes nothing and is logged: half of a file that is being written takes nobody's token away.
 */
import { readFile } from "node:fs/promises"
import process from "node:process"
import { Duration, Effect, Either, LogLevel, Queue, type Scope } from "effect"
import * as Fault from "../core/Fault.ts"
import * as Tokens from "../http/Tokens.ts"
import { Finding } from "./UsageError.ts"

/** How often the file is looked at: its content, since a replaced file may have the time and size of the one before. */
const lookInterval = Duration.seconds(1)

type List = ReadonlyArray<Tokens.Token>

const read = (file: string): Effect.Effect<string, Finding> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: () => new Finding({ reason: `the file of tokens ${file} cannot be read` })
  })

const parse = (file: string, text: string): Either.Either<List, Finding> =>
  Either.mapLeft(
    Tokens.parse(text),
    () =>
      new Finding({
        reason: `the file of tokens ${file} is not a JSON list of {"name", "sha256", "scopes"} with at least one entry; expiresAt and aggregates may be added`
      })
  )

/** The tokens of the file, as it was last read. Follows the file while its scope is open; fails where it cannot be read at first. */
export const follow = (file: string): Effect.Effect<() => List, Finding, Scope.Scope> =>
  Effect.gen(function* () {
    let text = yield* read(file)
    let tokens = yield* parse(file, text)
    /** Text that is not a list of tokens, and was said to be none. */
    let wrong: string | undefined
    const hangups = yield* Queue.sliding<void>(1)

    const keep = (reason: string, now: string) => {
      if (wrong === now) return Effect.void
      wrong = now
      return Fault.report(LogLevel.Error, `the tokens stay as they were: ${reason}`, {})
    }
    const look = Effect.gen(function* () {
      const now = yield* Effect.either(read(file))
      if (Either.isLeft(now)) return yield* keep(now.left.reason, "")
      if (now.right === text) {
        wrong = undefined
        return
      }
      const parsed = parse(file, now.right)
      if (Either.isLeft(parsed)) return yield* keep(parsed.left.reason, now.right)
      text = now.right
      tokens = parsed.right
      wrong = undefined
      yield* Fault.report(LogLevel.Info, "the tokens were read again", { tokens: tokens.length })
    })

    const onHangup = () => Queue.unsafeOffer(hangups, undefined)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", onHangup)),
      () => Effect.sync(() => process.off("SIGHUP", onHangup))
    )
    yield* Effect.forkScoped(
      Effect.forever(Effect.zipRight(Effect.timeoutOption(Queue.take(hangups), lookInterval), look))
    )
    return () => tokens
  })
