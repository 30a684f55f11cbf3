/**
 * `ConsoleService` serves the console of a database that it opens read only, only to this machine: no reaction runs, no
 * model is built, and nothing can be changed, whatever the page asks for.
 */
import { Effect, Layer } from "effect"
import * as ActorConfig from "../core/ActorConfig.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import * as ApplicationServer from "../http/ApplicationServer.ts"
import { NodeServer } from "../http/NodeServer.ts"
import type { Application } from "../projection/Application.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import * as ConsolePage from "./ConsolePage.ts"
import * as Database from "./Database.ts"
import * as Facts from "./Facts.ts"
import * as Output from "./Output.ts"

export interface Settings {
  readonly db: Database.Place
  readonly port: number
  /** Settings that the command line gave without their option. */
  readonly given: ReadonlySet<string>
}

/** Only this machine reaches it. */
const host = "127.0.0.1"

/** Serves until it is interrupted. */
export const run = (app: Application, { db, given, port }: Settings) =>
  Effect.gen(function* () {
    const domain = Layer.mergeAll(
      app.services.pipe(
        Layer.provideMerge(ActorSystemLocal.layer),
        // A snapshot would be a write.
        Layer.provide(
          ActorConfig.layer({ snapshotEvery: Number.MAX_SAFE_INTEGER, snapshotMinEvents: Number.MAX_SAFE_INTEGER })
        )
      ),
      ProjectionsLocal.layerObserver(app.projections, app.reactions)
    )
    const server = ApplicationServer.layer(app, { host, port, tokens: null, readOnly: true }).pipe(
      Layer.provide(domain),
      Layer.provide(Facts.layer({ db: db.address, prefix: db.prefix, port }, { given })),
      Layer.provide(ConsolePage.layer),
      Layer.provide(Database.layer(db, "readOnly"))
    )
    return yield* Effect.gen(function* () {
      const { url } = yield* NodeServer
      yield* Output.line(`listening on ${url}/console`)
      return yield* Effect.never
    }).pipe(Effect.provide(server))
  }).pipe(Effect.scoped)
