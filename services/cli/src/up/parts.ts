import path from 'node:path';
import { reachableHost, urlHost } from '../listen-address.ts';
import type { Broker } from './broker.ts';
import { buildFingerprint, fingerprint } from './fingerprint.ts';
import type { Home } from './home.ts';
import type { Program, Programs } from './programs.ts';
import { gatewayIsReady, natsIsReady, supervisorIsReady } from './readiness.ts';
import type { Settings } from './settings.ts';
import { partVariable } from './strays.ts';
import type { PartName } from './up-record.ts';

/** What `bkg up` must know to start a part, to tell when it works, and whether a running one is the same. */
export interface PartSpec {
  name: PartName;
  program: Program;
  env: NodeJS.ProcessEnv;
  fingerprint: string;
  /**
   * Waits until it does its work. @returns what to say of it
   * @throws when `signal` aborts: what is missing
   */
  ready: (signal: AbortSignal) => Promise<string>;
}

export interface PartsContext {
  settings: Settings;
  home: Home;
  broker: Broker;
  /** The gateway's, never 0. */
  port: number;
  programs: Programs;
  env: NodeJS.ProcessEnv;
}

/** The parts in the order of their start. */
export function partSpecs(context: PartsContext): PartSpec[] {
  const { broker, home, env } = context;
  const shared = { ...withoutOwnSettings(env), BKG_HOME: home.home };
  const service = {
    ...shared,
    BKG_NATS_URL: broker.servers.join(','),
  };
  return [
    ...(broker.own ? [natsServer(context, broker.own, shared)] : []),
    supervisor(context, { ...service, BKG_CREDENTIALS_FILE: broker.credentialsFile }),
    gateway(context, { ...service, BKG_CREDENTIALS_FILE: broker.gatewayCredentialsFile }),
  ];
}

/**
 * Its heap is small, and Go by itself collects garbage whenever there is as much of it again: at full load a good part of
 * the broker's work. Twice as much makes it half of that, and nats-server half as large again.
 */
const natsGarbage = { GOGC: '200' };

function natsServer(
  { home, broker }: PartsContext,
  own: NonNullable<Broker['own']>,
  env: NodeJS.ProcessEnv,
): PartSpec {
  const { program, version, host, port, config, certificate } = own;
  return {
    name: 'nats-server',
    program: { command: program, args: ['-c', home.natsConfigFile] },
    env: { ...natsGarbage, ...env, [partVariable]: 'nats-server' },
    fingerprint: fingerprint(program, version, config, certificate),
    ready: async (signal) => `${await natsIsReady(own, broker, signal)} on ${urlHost(host)}:${port}`,
  };
}

function supervisor({ settings, broker, programs }: PartsContext, service: NodeJS.ProcessEnv): PartSpec {
  const folders = settings.pluginFolders.join(path.delimiter);
  const env = { ...service, ...(folders && { BKG_PLUGINS_PATH: folders }) };
  return {
    name: 'supervisor',
    program: programs.supervisor,
    env: { ...env, [partVariable]: 'supervisor' },
    fingerprint: serviceFingerprint(programs.supervisor, broker, env),
    ready: async (signal) => {
      await supervisorIsReady(broker, signal);
      return 'ready';
    },
  };
}

function gateway(
  { settings: { host, publicUrl, noAuth }, broker, port, programs }: PartsContext,
  service: NodeJS.ProcessEnv,
): PartSpec {
  const env = {
    ...service,
    BKG_HOST: host,
    BKG_PORT: String(port),
    ...(publicUrl && { BKG_PUBLIC_URL: publicUrl }),
    ...(noAuth && { BKG_NO_AUTH: '1' }),
  };
  return {
    name: 'gateway',
    program: programs.gateway,
    env: { ...env, [partVariable]: 'gateway' },
    fingerprint: serviceFingerprint(programs.gateway, broker, env),
    ready: async (signal) => {
      await gatewayIsReady(reachableHost(host), port, signal);
      return `on ${urlHost(host)}:${port}`;
    },
  };
}

function serviceFingerprint({ command, args }: Program, broker: Broker, env: NodeJS.ProcessEnv): string {
  const settings = Object.entries(env)
    .filter(([name]) => name.startsWith('BKG_'))
    .sort();
  return fingerprint(command, args, buildFingerprint(args[0] ?? ''), broker.fingerprint, settings);
}

const ownSettings =
  /^BKG_(PORT|HOST|PUBLIC_URL|NO_AUTH|API_KEY|PLUGIN_BUS_(PORT|HOST|TLS_(CERT|KEY|CA))|PLUGINS_PATH|NATS_URL|NATS_SERVER|CREDENTIALS_FILE|DEBUG)$/;

/**
 * What is said to `bkg up` is not said to its parts: each is told what is meant for it, and an API key is for none of
 * them, nor for the plugins that they start. The rest passes through.
 */
function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passed = Object.fromEntries(Object.entries(env).filter(([name]) => !ownSettings.test(name)));
  const node = path.dirname(process.execPath);
  const folders = (env['PATH'] ?? '').split(path.delimiter).filter((dir) => dir && dir !== node);
  return { ...passed, PATH: [node, ...folders].join(path.delimiter) };
}
