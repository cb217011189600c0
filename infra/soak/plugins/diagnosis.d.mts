/** Where a part of a mesh writes its own. @param home BKG_HOME */
export function fileOf(home: string, pid: number): string;

/** What is in use once nobody's garbage counts, and what keeps the event loop, by kind. */
export function diagnose(): { usedBytes: number; resources: Record<string, number> };
