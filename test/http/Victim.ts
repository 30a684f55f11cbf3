/** A service that is killed with SIGKILL again and again, and clients that send each command until it is answered. */
import { Effect, Option } from "effect"
import * as Service from "./Service.ts"

export interface Command {
  readonly key: string
  readonly path: string
  readonly body: object
}

/**
 * Kills the service after a number of answers of each of its lives, `kills` times, and starts it on the same port and
 * file. Runs what is given meanwhile, and gives its result once the last life has begun.
 */
export const torment = <A, E, R>(
  args: ReadonlyArray<string>,
  kills: number,
  answersOfLife: () => number,
  clients: (url: string, send: (command: Command) => Effect.Effect<Service.Answer>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    let service = yield* Service.start(args)
    const { url } = service
    const isUp = yield* Effect.makeLatch(true)
    let answers = 0
    let wanted = Number.POSITIVE_INFINITY
    let reached = () => {}

    const nemesis = Effect.gen(function* () {
      for (let kill = 0; kill < kills; kill++) {
        yield* Effect.async<void>((resume) => {
          wanted = answers + answersOfLife()
          reached = () => resume(Effect.void)
        })
        yield* isUp.close
        service.process.kill("SIGKILL")
        yield* service.ended
        service = yield* Service.start(args, { port: Number(new URL(url).port) })
        yield* isUp.open
      }
    })
    /** With the same key, so that it is done once. */
    const send = ({ body, key, path }: Command): Effect.Effect<Service.Answer> =>
      Effect.gen(function* () {
        for (;;) {
          yield* isUp.await
          const answer = yield* Effect.option(Service.tryAsk(`${url}${path}`, { body, key }))
          if (Option.isNone(answer)) continue
          if (++answers >= wanted) {
            wanted = Number.POSITIVE_INFINITY
            reached()
          }
          return answer.value
        }
      })
    const [result] = yield* Effect.all([clients(url, send), nemesis], { concurrency: 2 })
    return { url, result, send }
  })
