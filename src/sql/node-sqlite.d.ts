/** What `NodeSqlite` uses of `node:sqlite`, which the types of Node 20 do not have yet. */
declare module "node:sqlite" {
  export class DatabaseSync {
    constructor(filename: string, options: { readonly readOnly: boolean; readonly timeout: number })
    prepare(sql: string): StatementSync
    close(): void
  }
  export interface StatementSync {
    /** Empty for a statement that answers with no rows. */
    columns(): ReadonlyArray<unknown>
    run(...params: ReadonlyArray<unknown>): unknown
    // biome-ignore lint/suspicious/noExplicitAny: rows are as the statement says.
    all(...params: ReadonlyArray<unknown>): ReadonlyArray<any>
    setReadBigInts(enabled: boolean): void
    setReturnArrays(enabled: boolean): void
  }
  /** `rate`: pages in one step. */
  export function backup(source: DatabaseSync, destination: string, options: { readonly rate: number }): Promise<number>
}
