/** A means that was looked for; `lack` is why it is not there, as the end of "…, because …". */
export type Found<T> = { have: T } | { lack: string };
