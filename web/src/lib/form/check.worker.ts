import { checkPayload, type Mistake } from './schema-check.ts';

export type CheckRequest = { schema: unknown } | { id: number; text: string };
export type CheckReply =
  { ready: true } | { id: number; mistakes: Mistake[] } | { id: number; unchecked: string };

// Of its own process, so to say: a pattern of somebody else's can take for ever, and only a worker can be ended.
let schema: unknown;
const reply = (message: CheckReply) => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<CheckRequest>) => {
  if ('schema' in data) {
    schema = data.schema;
    return reply({ ready: true });
  }
  try {
    reply({ id: data.id, mistakes: checkPayload(schema, data.text) });
  } catch (error) {
    reply({ id: data.id, unchecked: error instanceof Error ? error.message.slice(0, 300) : String(error) });
  }
});
