import { readWindow, windowMost } from '../protocol/stream.ts';
import { failure } from './failure.ts';

/** @throws InvalidPayloadError for a window that none can be */
export function assertWindow(window: number | undefined): void {
  if (window === undefined || readWindow(String(window)) !== undefined) return;
  throw failure(
    'INVALID_PAYLOAD',
    `The window is ${window}; it takes a whole number of chunks from 1 to ${windowMost}.`,
  );
}
