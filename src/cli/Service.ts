/**
 * `Service` puts an application behind the HTTP server: its aggregates, services, reactions and read models, on one
 * database.
 */
import process from "node:process"
import { Duration, Effect, Layer, Option } from "effect"
import * as ActorConfig from "../core/ActorConfig.ts"
import * as ActorSystemLocal from "../core/ActorSystemLocal.ts"
import { EventStore } from "../core/EventStore.ts"
import * as PayloadRetention from "../core/PayloadRetention.ts"
import * as ApplicationServer from "../http/ApplicationServer.ts"
import * as HttpConfig from "../http/HttpConfig.ts"
import { NodeServer } from "../http/NodeServer.ts"
import * as OriginGuard from "../http/OriginGuard.ts"
import type { Application } from "../projection/Application.ts"
import * as ProjectionConfig from "../projection/ProjectionConfig.ts"
import * as ProjectionsLocal from "../projection/ProjectionsLocal.ts"
import { SqlDatabase } from "../sql/SqlDatabase.ts"
import * as AccessLines from "./AccessLines.ts"
import * as ConsolePage from "./ConsolePage.ts"
import * as Database from "./Database.ts"
import * as Facts from "./Facts.ts"
import * as Output from "./Output.ts"
import { Program } from "./Program.ts"
import * as ProgramFigures from "./ProgramFigures.ts"
import * as SessionKey from "./SessionKey.ts"
import * as Telemetry from "./Telemetry.ts"
import * as Trusted from "./Trusted.ts"
import { UsageError } from "./UsageError.ts"

export interface Settings extends Trusted.Settings {
  readonly db: Database.Place
  readonly durability: "full" | "normal"
  readonly host: string
  readonly port: number
  /** Requests a second that one token may make; none: as many as it likes. */
  readonly rate: Option.Option<number>
  /** File of the key that sign-ins are sealed with; none: a new one. */
  readonly sessionKey: Option.Option<string>
  /** For how many days payloads of keyed commands are kept; 0: none is. */
  readonly payloadDays: number
  /** `HOST:PORT` where the other nodes reach this one; none: it is alone. */
  readonly cluster: Option.Option<string>
}

/** The actors: of this process, or of all nodes that join on this database. Its code is loaded by those who join. */
const actorSystem = (db: Database.Place, address: Option.Option<string>) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      if (address._tag === "None") return ActorSystemLocal.layer
      const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address.value) ?? []
      const host = bracketed ?? plain
      const port = Number(digits)
      if (host === undefined || port < 1 || port > 65_535) {
        return yield* new UsageError({ reason: "--cluster is HOST:PORT, where the other nodes reach this one" })
      }
      if (!Database.isPostgres(db)) {
        return yield* new UsageError({ reason: "the nodes of a cluster meet on PostgreSQL; give --db postgres://…" })
      }
      const [ActorSystemCluster, ClusterNode] = yield* Effect.promise(() =>
        Promise.all([import("../cluster/ActorSystemCluster.ts"), import("../cluster/ClusterNode.ts")])
      )
      const prefix = Option.getOrElse(db.prefix, () => "")
      return ActorSystemCluster.layer().pipe(Layer.provide(ClusterNode.layer({ url: db.address, prefix, host, port })))
    })
  )

/** Several processes may serve one database: one of them keeps its read models and runs its reactions. */
const lease = Duration.seconds(6)

/**
 * Below the time in which a stop must end: the server has waited for its requests before, and so for their commands.
 */
const shutdownTimeout = Duration.seconds(1)

/** The one line of a start: what runs, and on which log. */
const told = (durability: string, url: string) =>
  Effect.gen(function* () {
    const { version } = yield* Program
    const { migrated, name } = yield* SqlDatabase
    const { epoch, logId, position } = yield* Effect.flatMap(EventStore, (store) => store.journalHead)
    yield* Effect.annotateLogs(Effect.logInfo("started"), {
      version,
      database: name,
      logId,
      epoch,
      position,
      durability,
      migrations: migrated,
      url,
      pid: process.pid
    })
  })

/** Serves until it is interrupted. */
export const run = (app: Application, settings: Settings) =>
  Effect.gen(function* () {
    const { cluster, db, durability, host, payloadDays, port, rate } = settings
    const tokens = yield* Trusted.find(settings)
    if (tokens === null && !OriginGuard.isLoopback(host)) {
      return yield* new UsageError({
        reason: `without --tokens everyone who reaches ${host} could do everything; give tokens, or listen on 127.0.0.1`
      })
    }
    const sessionKey = yield* Effect.transposeMapOption(settings.sessionKey, SessionKey.read)
    const domain = Layer.mergeAll(
      app.layer.pipe(
        Layer.merge(PayloadRetention.layer),
        Layer.provideMerge(actorSystem(db, cluster)),
        Layer.provide(ActorConfig.layer({ shutdownTimeout, payloadRetention: Duration.days(payloadDays) }))
      ),
      ProjectionsLocal.layer(app.projections, app.reactions)
    ).pipe(Layer.provide(ProjectionConfig.layer(Database.isShared(db) ? { lease } : {})))
    const server = ApplicationServer.layer(app, {
      host,
      port,
      tokens,
      ...Option.match(sessionKey, { onNone: () => ({}), onSome: (key) => ({ sessionKey: key }) })
    }).pipe(
      Layer.provide(domain),
      Layer.provide(ProgramFigures.layer({ isNode: cluster._tag === "Some" })),
      Layer.provide(
        Facts.layer({ ...settings, db: db.address, prefix: db.prefix }, { self: Option.getOrNull(cluster) })
      ),
      Layer.provide(ConsolePage.layer),
      Layer.provideMerge(Database.layer(db, "create", durability)),
      Layer.provide(AccessLines.layer),
      Layer.provide(Telemetry.layer),
      Layer.provide(HttpConfig.layer(rate._tag === "Some" ? { maxRate: rate.value } : {}))
    )
    return yield* Effect.gen(function* () {
      const { url } = yield* NodeServer
      yield* told(durability, url)
      yield* Output.line(`listening on ${url}`)
      return yield* Effect.never
    }).pipe(Effect.provide(server))
  }).pipe(Effect.scoped)
