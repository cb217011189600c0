import { configDefaults, type PluginInfo, type PluginTelemetry, type Principal } from '@bkg/sdk/protocol';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';

const build = fileURLToPath(new URL('../../build', import.meta.url));
const types: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

const nobody: Principal = {
  prefix: 'nobody',
  name: 'nobody',
  owner: '',
  scopes: ['admin'],
  broker: false,
  revision: 0,
};

export interface FakeGatewayOptions {
  plugins: number;
  /** Between two readings of a plugin. */
  everyMs: number;
  /** Makes of a plugin, by its number, one that is otherwise. */
  shape?: (plugin: PluginInfo, i: number) => PluginInfo;
}

/** Serves the built dashboard and feeds it plugins that do not exist. */
export async function startFakeGateway(options: FakeGatewayOptions) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    if (path === '/api/session') {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(nobody));
      return;
    }
    const file = extname(path) ? join(build, path) : join(build, '200.html');
    readFile(file).then(
      (body) =>
        response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream').end(body),
      () => response.writeHead(404).end(),
    );
  });
  const sent = { frames: 0 };
  const stops = new Set<() => void>();
  server.on('upgrade', (request, socket) => {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    stops.add(feed(socket, options, sent));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    stop: () => {
      for (const stop of stops) stop();
      server.closeAllConnections();
      server.close();
    },
  };
}

function feed(
  socket: Duplex,
  { plugins, everyMs, shape = (plugin) => plugin }: FakeGatewayOptions,
  sent: { frames: number },
) {
  let seq = 0;
  const send = (frame: object) => {
    sent.frames += 1;
    socket.write(textFrame(JSON.stringify(frame)));
  };
  send({ type: 'hello', gateway: 'fake', protocol: '1' });
  // The dashboard's first two subscriptions, in the order in which it makes them.
  const all = Array.from({ length: plugins }, (_, i) => i);
  const readings = all.map((i) => telemetryOf(i, 0));
  send({
    type: 'snapshot',
    id: 's1',
    topic: 'plugins',
    seq: ++seq,
    snapshot: all.map((i) => shape(pluginOf(i), i)),
  });
  send({ type: 'snapshot', id: 's2', topic: 'telemetry', seq: ++seq, snapshot: readings });
  let round = 0;
  // Spread over the second, as many instances are.
  const timer = setInterval(() => {
    const i = round++ % plugins;
    const data = telemetryOf(i, Math.floor(round / plugins));
    send({ type: 'data', id: 's2', topic: 'telemetry', seq: ++seq, data });
  }, everyMs / plugins);
  const stop = () => {
    clearInterval(timer);
    socket.destroy();
  };
  socket.on('error', stop).on('close', stop).resume();
  return stop;
}

function textFrame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (body.length < 126) head[1] = body.length;
  else if (body.length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(body.length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

const name = (i: number) => `plugin-${String(i).padStart(3, '0')}`;

function telemetryOf(i: number, round: number): PluginTelemetry {
  const requests = round * (10 + (i % 7));
  return {
    plugin_id: name(i),
    cpu_percent: Math.round(Math.random() * 1_000) / 10,
    memory_mb: 60 + (i % 40) + Math.random(),
    uptime_secs: 100 + round,
    request_count: requests,
    error_count: Math.floor(requests / 100),
    last_error: '',
    in_flight: i % 3,
    queue_depth: 0,
    event_loop_lag_ms: Math.random() * 5,
    instances: 1,
    latency_ms: { p50: 3.2, p95: 6.4, p99: 12.8 },
    latency_buckets: [
      [10, Math.floor(requests * 0.6)],
      [12, Math.floor(requests * 0.35)],
      [14, Math.floor(requests * 0.05)],
    ],
  };
}

function pluginOf(i: number): PluginInfo {
  const id = name(i);
  const now = new Date().toISOString();
  const schema = {
    type: 'object',
    properties: { input: { type: 'string', minLength: 1 }, top_k: { type: 'integer', minimum: 1 } },
    required: ['input'],
  };
  return {
    id,
    name: `Plugin ${i}`,
    version: '1.0.0',
    description: 'One of many, for a measurement.',
    author: 'bench',
    status: 'running',
    capabilities: ['text.say', 'text.embed', 'model.load'].map((capability) => ({
      id: capability,
      name: capability,
      description: 'Takes a text.',
      input_schema: schema,
      output_schema: schema,
      stream: false,
      upload: false,
      idempotent: true,
    })),
    config: {
      id,
      ...configDefaults,
      autostart: true,
      revision: 1,
    },
    instances: [
      {
        instance: `${id}-1`,
        status: 'running',
        version: '1.0.0',
        host: 'bench',
        managed: true,
        started_at: now,
      },
    ],
    versions: ['1.0.0'],
    telemetry: telemetryOf(i, 0),
    observed_at: now,
  };
}
