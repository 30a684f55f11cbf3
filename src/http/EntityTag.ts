/** `EntityTag` is the version of what a reply shows, as `ETag`, `If-Match` and `If-None-Match` have it. */

export const ofVersion = (version: number): string => `"${version}"`

/** Whether the client has what this tag stands for: then 304 says all. Weak tags compare as strong ones do, as for any GET. */
export const isKnown = (ifNoneMatch: string | undefined, tag: string): boolean =>
  (ifNoneMatch ?? "").split(",").some((each) => {
    const given = each.trim().replace(/^W\//, "")
    return given === "*" || given === tag
  })
