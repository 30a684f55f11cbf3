/** What a case of the read side needs: a log, and a store of projections over it. */
import type { EventStore } from "../../core/EventStore.ts"
import type { ProjectionStore } from "../../projection/ProjectionStore.ts"
import type { Case } from "../Conformance.ts"

export type ProjectionCase = Case<EventStore | ProjectionStore>
