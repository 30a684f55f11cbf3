/**
 * `EntityTag` is the version of what a reply shows, as `ETag` and `If-Match` have it: `"7"`, or `"7.2"` where it
 * depends on more.
 */

export const ofVersion = (version: number): string => `"${version}"`

/** The version of a tag; 0 where there is none. */
export const versionOf = (tag: string | null): number => Number(/^(?:W\/)?"(\d+)/.exec(tag ?? "")?.[1] ?? 0)
