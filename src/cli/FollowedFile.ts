/**
 * `FollowedFile` keeps what a file says as the file has it: it is read again when it changes, and on SIGHUP. A file
 * that cannot be read, or does not have the right form, changes nothing and is logged: half of a file that is being
 * written does not take away anybody's token.
 */
import process from "node:process"
import { Duration, Effect, type Either, LogLevel, Queue, type Scope } from "effect"
import * as FaultLog from "../core/FaultLog.ts"
import * as TextFile from "./TextFile.ts"
import { Finding } from "./UsageError.ts"

/** How often the file is looked at: its content, since a replaced file may have the time and size of the one before. */
const lookInterval = Duration.seconds(1)

export interface Options<A> {
  /** What it is, as `the file of tokens`. */
  readonly what: string
  readonly path: string
  /** Left where the text does not say it, with what is wrong. That is printed, so it has nothing of a secret. */
  readonly parse: (text: string) => Either.Either<A, string>
  /** What it should have been. */
  readonly form: string
}

/** What the file says, as it was last read, while the scope is open. Fails where it cannot be read at first. */
export const follow = <A>({ form, parse, path, what }: Options<A>): Effect.Effect<() => A, Finding, Scope.Scope> =>
  Effect.gen(function* () {
    const read = TextFile.read(what, path)
    const understood = (text: string): Effect.Effect<A, Finding> =>
      Effect.mapError(parse(text), (why) => new Finding({ reason: `${what} ${path} is not ${form}: ${why}` }))
    let text = yield* read
    let value = yield* understood(text)
    /** Text that was told to say nothing; null: that it cannot be read. */
    let wrong: string | null | undefined
    const hangups = yield* Queue.sliding<void>(1)

    const keep = (now: string | null, { reason }: Finding) =>
      Effect.suspend(() => {
        if (wrong === now) return Effect.void
        wrong = now
        return FaultLog.report(LogLevel.Error, `what was read before stays: ${reason}`, {})
      })
    const take = (now: string) =>
      Effect.matchEffect(understood(now), {
        onFailure: (error) => keep(now, error),
        onSuccess: (next) => {
          text = now
          value = next
          wrong = undefined
          return FaultLog.report(LogLevel.Info, `${what} was read again`, {})
        }
      })
    const look = Effect.matchEffect(read, {
      onFailure: (error) => keep(null, error),
      onSuccess: (now) => {
        if (now !== text) return take(now)
        wrong = undefined
        return Effect.void
      }
    })

    const onHangup = () => Queue.unsafeOffer(hangups, undefined)
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("SIGHUP", onHangup)),
      () => Effect.sync(() => process.off("SIGHUP", onHangup))
    )
    yield* Effect.forkScoped(
      Effect.forever(Effect.zipRight(Effect.timeoutOption(Queue.take(hangups), lookInterval), look))
    )
    return () => value
  })
