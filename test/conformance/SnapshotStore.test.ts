/** The suite of `SnapshotStore` on every store. */
import { SnapshotStoreConformance } from "../../src/testing/Suites.ts"
import { onEach, stores } from "./stores.ts"

onEach("SnapshotStore", stores, SnapshotStoreConformance)
