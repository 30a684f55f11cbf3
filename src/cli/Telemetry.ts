/**
 * `Telemetry` sends traces, logs and metrics to a collector over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` names one, in
 * JSON over HTTP. Without it nothing is loaded and nothing is sent. Logs go to standard error all the same.
 */
import { Config, Effect, Layer } from "effect"
import * as Traces from "../core/Traces.ts"
import { Program } from "./Program.ts"
import { UsageError } from "./UsageError.ts"

/** Longest wait for the last of it when the process stops. */
const shutdownTimeout = "3 seconds"

export const layer: Layer.Layer<never, UsageError> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const endpoint = yield* Config.option(Config.url("OTEL_EXPORTER_OTLP_ENDPOINT"))
    if (endpoint._tag === "None") return Layer.empty
    const serviceName = yield* Config.withDefault(Config.string("OTEL_SERVICE_NAME"), "daybook")
    // An optional package: a program that sends nothing need not have it.
    const [Otlp, FetchHttpClient] = yield* Effect.tryPromise({
      try: () => Promise.all([import("@effect/opentelemetry/Otlp"), import("@effect/platform/FetchHttpClient")]),
      catch: () => new UsageError({ reason: "OTEL_EXPORTER_OTLP_ENDPOINT needs the package @effect/opentelemetry" })
    })
    return Otlp.layerJson({
      baseUrl: endpoint.value.href,
      resource: { serviceName, serviceVersion: (yield* Program).version },
      shutdownTimeout
    }).pipe(Layer.provide(FetchHttpClient.layer), Layer.merge(Layer.succeed(Traces.Traced, true)))
  }).pipe(Effect.catchTag("ConfigError", () => new UsageError({ reason: "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL" })))
)
