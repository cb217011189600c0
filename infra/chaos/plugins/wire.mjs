/**
 * Loaded before the program of a part or plugin: its way to the broker leads through its relay, so that it can be cut.
 * Of all others nothing changes.
 */
const { BKG_PART, BKG_PLUGIN_ID, CHAOS_RELAYS = '' } = process.env;
const name = BKG_PART ?? BKG_PLUGIN_ID;
const port = CHAOS_RELAYS.split(',')
  .map((pair) => pair.split('='))
  .find(([victim]) => victim === name)?.[1];
if (port !== undefined) process.env.BKG_NATS_URL = `nats://127.0.0.1:${port}`;
