import type { Msg } from '@nats-io/nats-core';

/** As much of a message as readers of headers and bodies look at. */
export function message(headers: Record<string, string>, body: string | Uint8Array = ''): Msg {
  const data = Buffer.from(body as string);
  return {
    data,
    headers: { get: (name: string) => headers[name] ?? '' },
    json: () => JSON.parse(data.toString()) as unknown,
  } as unknown as Msg;
}
