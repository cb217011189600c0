/** Figures as people read them. All take plain numbers in the unit their name says. */

const absent = '–';

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

export function formatPercent(value: number): string {
  if (!Number.isFinite(value)) return absent;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

export function formatMemory(megabytes: number): string {
  if (!Number.isFinite(megabytes)) return absent;
  if (megabytes >= 1024) return `${(megabytes / 1024).toFixed(1)} GB`;
  return `${megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes)} MB`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

/** 0.4 ms · 12 ms · 1.25 s · 2 min 5 s */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return absent;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** 42s · 3m 07s · 2h 05m · 6d 04h: two units, so that it is short and still seen to tick. */
export function formatUptime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)}m ${twoDigits(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h ${twoDigits(Math.floor((whole % 3_600) / 60))}m`;
  return `${Math.floor(whole / 86_400)}d ${twoDigits(Math.floor((whole % 86_400) / 3_600))}h`;
}

export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** 0.4/s · 1,250/s */
export function formatRate(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))}/s`;
}

/** The time of day in the reader's zone, with seconds: 12:03:11. */
export function formatClock(time: number | string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return absent;
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(twoDigits).join(':');
}

/** The time of day, after its date when that is not the day of `now`: 12:03:11, 2026-11-28 12:03:11. */
export function formatMoment(time: number | string, now: number): string {
  const [date, today] = [new Date(time), new Date(now)];
  if (Number.isNaN(date.getTime())) return absent;
  if (date.toDateString() === today.toDateString()) return formatClock(time);
  return `${formatDate(date)} ${formatClock(time)}`;
}

/** The day in the reader's zone: 2026-11-28. */
export function formatDate(date: Date): string {
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(twoDigits).join('-');
}

/** The time of day with milliseconds, for log lines: 12:03:11.042. */
export function formatLogTime(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return absent;
  return `${formatClock(time)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** "1 instance", "2 instances". */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}
