/**
 * Suites with the mutants that show what they find: each rule has one that is made for it. Add a mutant with each rule
 * that you add to one of these suites. To test a suite against a faulty implementation of your own, run `failing` of
 * its trials.
 */
import { type Effect, Layer } from "effect"
import type { EventStore } from "../../core/EventStore.ts"
import type { SnapshotStore } from "../../core/SnapshotStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import { Neighbours } from "../actor/Neighbours.ts"
import type { Case } from "../Conformance.ts"
import { EventOwners } from "../projection/EventOwners.ts"
import { Names } from "../projection/Names.ts"
import { Rebuilds } from "../projection/Rebuilds.ts"
import {
  ActorSystemConformance,
  BirthConformance,
  BytesConformance,
  CommandConformance,
  EventStoreConformance,
  JournalConformance,
  OperationAtomicity,
  OperationConformance,
  OperatorConformance,
  PrincipalConformance,
  RollingDeployConformance,
  SnapshotStoreConformance,
  SubscriptionConformance,
  TimerConformance,
  UpcastConformance,
  VerifiedLogConformance,
  VerifiedReadSideConformance
} from "../Suites.ts"
import type { SystemUnderTest } from "../SystemUnderTest.ts"
import type { Tampering } from "../Tampering.ts"
import { ActorSystemMutants } from "./ActorSystemMutants.ts"
import { BirthMutants } from "./BirthMutants.ts"
import { BytesMutants } from "./BytesMutants.ts"
import { CommandMutants } from "./CommandMutants.ts"
import { DamageMutants } from "./DamageMutants.ts"
import { DeployMutants } from "./DeployMutants.ts"
import { EventStoreMutants } from "./EventStoreMutants.ts"
import * as FailureMutants from "./FailureMutants.ts"
import * as ModelMutants from "./ModelMutants.ts"
import { declared, failing, type Mutant } from "./Mutant.ts"
import { NeighbourMutants } from "./NeighbourMutants.ts"
import { OldEventMutants } from "./OldEventMutants.ts"
import { OperationAtomicityMutants, OperationMutants } from "./OperationMutants.ts"
import { OperatorMutants } from "./OperatorMutants.ts"
import { OwnerMutants } from "./OwnerMutants.ts"
import type { SharedReadSide } from "./PortMutant.ts"
import { PrincipalMutants } from "./PrincipalMutants.ts"
import * as ProgressMutants from "./ProgressMutants.ts"
import { RebuildMutants } from "./RebuildMutants.ts"
import * as RestoreMutants from "./RestoreMutants.ts"
import { SnapshotStoreMutants } from "./SnapshotStoreMutants.ts"
import { SubscriptionMutants } from "./SubscriptionMutants.ts"
import * as SwapMutants from "./SwapMutants.ts"
import { TimerMutants } from "./TimerMutants.ts"
import { VerifiedLogMutants } from "./VerifiedLogMutants.ts"

/** A mutant of a sound implementation. */
export interface Trial {
  /** What is wrong, as in `an event store that …`. */
  readonly name: string
  /** The name of the case that it is made for. */
  readonly rule: string
  /** The names of the cases that it is to fail, in their order. */
  readonly declared: ReadonlyArray<string>
  /** The names of those that it fails. */
  readonly failing: Effect.Effect<ReadonlyArray<string>>
}

/** A suite and its mutants. */
export interface TestedSuite {
  readonly subject: string
  /** The names of its cases. */
  readonly rules: ReadonlyArray<string>
  readonly trials: ReadonlyArray<Trial>
}

const tested = <R>(
  subject: string,
  cases: ReadonlyArray<Case<R>>,
  mutants: ReadonlyArray<Mutant<R>>,
  sound: Layer.Layer<R>
): TestedSuite => ({
  subject,
  rules: cases.map(({ name }) => name),
  trials: mutants.map((mutant) => ({
    name: mutant.name,
    rule: declared({ ...mutant, fails: [mutant.fails[0]] }, cases)[0] ?? "",
    declared: declared(mutant, cases),
    failing: failing(cases, mutant.of(sound), sound)
  }))
})

/** The sound implementations that the mutants are made of. Each layer builds a new one, with nothing in it. */
export interface Sound {
  readonly events: Layer.Layer<EventStore>
  readonly snapshots: Layer.Layer<SnapshotStore>
  readonly system: Layer.Layer<SystemUnderTest>
  /** A log and the store of projections beside it. */
  readonly readSide: Layer.Layer<EventStore | ProjectionStore>
  /** The same over one database, in whose transactions both are. */
  readonly database: Layer.Layer<EventStore | ProjectionStore>
  /** An event store, and a hand that changes its rows. */
  readonly tampered: Layer.Layer<EventStore | Tampering>
  /** A database with a log, its read side, another program beside them, and a hand that changes its rows. */
  readonly shared: Layer.Layer<SharedReadSide>
  /** The same on PostgreSQL, for what only that has. */
  readonly sharedOnPostgres: Layer.Layer<SharedReadSide>
}

/** Each suite with the mutants that it must find, made of these sound implementations. */
export const suites = ({
  database,
  events,
  readSide,
  shared,
  sharedOnPostgres,
  snapshots,
  system,
  tampered
}: Sound): ReadonlyArray<TestedSuite> => {
  const actors = Layer.mergeAll(events, snapshots, system)
  return [
    tested("an event store", [...EventStoreConformance, ...JournalConformance], EventStoreMutants, events),
    tested("a snapshot store", SnapshotStoreConformance, SnapshotStoreMutants, snapshots),
    tested("an actor system", ActorSystemConformance, ActorSystemMutants, actors),
    tested("an actor system beside poison", Neighbours, NeighbourMutants, actors),
    tested("a reader of old events", UpcastConformance, OldEventMutants, actors),
    tested("a followed log", SubscriptionConformance, SubscriptionMutants, events),
    tested("a log that is verified", VerifiedLogConformance, VerifiedLogMutants, Layer.merge(tampered, snapshots)),
    tested("an actor system of bounded memory", BytesConformance, BytesMutants, actors),
    tested("an actor system of several releases", CommandConformance, CommandMutants, actors),
    tested("an actor system of several principals", PrincipalConformance, PrincipalMutants, actors),
    tested("a journal of operations", OperationConformance, OperationMutants, readSide),
    tested("a database of operations", OperationAtomicity, OperationAtomicityMutants, database),
    tested("a read side of operators", OperatorConformance, OperatorMutants, readSide),
    tested("a read side of reactions", BirthConformance, BirthMutants, readSide),
    tested("a read side of timers", TimerConformance, TimerMutants, readSide),
    tested("a log of several aggregates", EventOwners, OwnerMutants, readSide),
    tested("a store of projections", ModelMutants.rules, ModelMutants.ModelMutants, readSide),
    tested("a store of what failed", FailureMutants.rules, FailureMutants.FailureMutants, readSide),
    tested("a store of how far models are", ProgressMutants.rules, ProgressMutants.ProgressMutants, readSide),
    tested("a store of models that are rebuilt", Rebuilds, RebuildMutants, readSide),
    tested("a database of tables of any name", Names, SwapMutants.NameMutants, shared),
    tested("a database of models that others use", SwapMutants.rules, SwapMutants.SwapMutants, shared),
    tested(
      "a PostgreSQL database of models that others use",
      SwapMutants.rulesOnPostgres,
      SwapMutants.SwapMutantsOnPostgres,
      sharedOnPostgres
    ),
    tested("a database whose log is restored", RestoreMutants.rules, RestoreMutants.RestoreMutants, shared),
    tested("a read side of two releases", RollingDeployConformance, DeployMutants, readSide),
    tested("a read side that is verified", VerifiedReadSideConformance, DamageMutants, shared)
  ]
}
