/** The path of a request, without what it asks behind a question mark. */
export const pathOf = (url: string): string => url.split("?", 1)[0] ?? url
