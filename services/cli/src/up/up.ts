import { existsSync, rmSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { hostOf, isLoopback, reachableHost } from '../listen-address.ts';
import { defaultBusPort, defaultPort } from '../mesh-address.ts';
import { seconds } from '../say.ts';
import type { Say } from '../say.ts';
import { signInText } from './access.ts';
import { prepareBroker } from './broker.ts';
import { adoptProcess, endProcess, isAlive } from './held-process.ts';
import { makeHome } from './home.ts';
import type { Home } from './home.ts';
import { Mesh } from './mesh.ts';
import type { MeshTimings } from './mesh.ts';
import { partSpecs } from './parts.ts';
import { freePorts, needPorts } from './ports.ts';
import type { Patience, WantedPort } from './ports.ts';
import { builtPrograms } from './programs.ts';
import type { Programs } from './programs.ts';
import { defaultRestartPolicy } from './restart-policy.ts';
import { dashboardUrl, readSettings } from './settings.ts';
import type { Settings } from './settings.ts';
import type { StopSignals } from '../stop-signals.ts';
import { findStrays } from './strays.ts';
import { claimUp } from './up-record.ts';
import type { UpRecord } from './up-record.ts';

export interface UpTimings extends MeshTimings {
  /** How long a port may be taken before it counts. */
  ports: Patience;
}

export interface UpOptions {
  env: NodeJS.ProcessEnv;
  say: Say;
  signals: StopSignals;
  /** @default the built ones of this project */
  programs?: Programs;
  timings?: UpTimings;
}

/** Longer than any part takes by itself while there is a broker: the gateway gives running requests 5 s, and half a second to end what it cuts off. */
const partEndsWithinMs = 6_500;

export const defaultTimings: UpTimings = {
  part: {
    readyWithinMs: 30_000,
    adoptWithinMs: 5_000,
    adoptedPollMs: 500,
    stopWithinMs: partEndsWithinMs,
    restart: defaultRestartPolicy,
  },
  plugins: { withinMs: 15_000, settleMs: 2_000 },
  access: { withinMs: 15_000, againMs: 2_000 },
  stop: { totalMs: 14_500, pluginsMs: 12_500, partMs: partEndsWithinMs },
  logs: { mostBytes: 8 * 1024 * 1024, everyMs: 2_000 },
  ports: { forMs: 2_000, everyMs: 100 },
};

/**
 * Runs the mesh of one home until a signal asks it to stop.
 * @returns the exit code: 0 when all ended as it should
 * @throws Failure when it cannot start; then what was started has been stopped
 */
export async function runUp(options: UpOptions): Promise<number> {
  const { env, signals } = options;
  const settings = readSettings(env);
  const home = makeHome(settings.home);
  if (!existsSync(home.upFile)) refuseWhenHeld(home);
  const record = claimUp(home.upFile);
  try {
    const mesh = await prepareMesh(options, settings, home, record);
    return await live(mesh, options, settings);
  } catch (error) {
    if (error === signals.stop.reason) return 0;
    throw error;
  } finally {
    release(home, record, options.say);
  }
}

/** All that can be found wrong before anything is started. */
async function prepareMesh(
  { env, say, signals, programs = builtPrograms(), timings = defaultTimings }: UpOptions,
  settings: Settings,
  home: Home,
  record: UpRecord,
): Promise<Mesh> {
  await endStrays(home, record, say, timings);
  for (const folder of settings.pluginFolders.filter((one) => !existsSync(one)))
    say.marked('!', 'plugins', `${folder} of BKG_PLUGINS_PATH does not exist yet; it is watched for`);
  const { gateway, 'nats-server': natsServer } = record.parts;
  const earlier = {
    port: isAlive(gateway) ? record.port : undefined,
    busPort: isAlive(natsServer) ? record.bus_port : undefined,
  };
  const [anyPort = 0, anyBusPort = 0] = await freePorts(settings.host, settings.busHost).catch(
    (error: unknown) => {
      throw explainHost(error, settings);
    },
  );
  const port = settings.port || earlier.port || anyPort;
  const busPort = settings.busPort || earlier.busPort || anyBusPort;
  const broker = await prepareBroker(settings, home, busPort, env, signals.stop);
  const wanted: WantedPort[] = [];
  if (broker.own && busPort !== earlier.busPort)
    wanted.push({
      host: settings.busHost,
      port: busPort,
      setting: 'BKG_PLUGIN_BUS_PORT',
      standard: defaultBusPort,
      user: 'nats-server',
    });
  if (port !== earlier.port)
    wanted.push({
      host: settings.host,
      port,
      setting: 'BKG_PORT',
      standard: defaultPort,
      user: 'the dashboard',
    });
  await needPorts(wanted, timings.ports, signals.stop);

  record.host = reachableHost(settings.host);
  record.port = port;
  record.bus_port = busPort;
  if (broker.own) record.bus_url = broker.servers.join();
  else delete record.bus_url;
  const specs = partSpecs({ settings, home, broker, port, programs, env });
  const url = dashboardUrl({ ...settings, port });
  const { stopPlugins } = programs;
  const noAuth = settings.noAuth ?? false;
  return new Mesh({ home, broker, specs, url, noAuth, stopPlugins, record, say, timings });
}

/** An address that nobody can listen on, as a Failure; anything else comes back as it was. */
function explainHost(error: unknown, { host, busHost }: Settings): unknown {
  const {
    code = '',
    address,
    hostname,
  } = error as NodeJS.ErrnoException & { address?: string; hostname?: string };
  if (!['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes(code)) return error;
  const [name, given] =
    host !== busHost && [address, hostname].includes(busHost)
      ? ['BKG_PLUGIN_BUS_HOST', busHost]
      : ['BKG_HOST', host];
  return new Failure(
    `${name} is "${given}", which is no address of this machine (${code}).`,
    'set it to one that this machine has, or to 0.0.0.0 for all of them. For a proxy in front of it is BKG_PUBLIC_URL.',
    { cause: error },
  );
}

/** Without its record a living `bkg up` is known by its parts; taking them from it would start a fight. */
function refuseWhenHeld(home: Home): void {
  const { holder } = findStrays(home.home, {}).find((stray) => stray.holder) ?? {};
  if (!holder) return;
  throw new Failure(
    `already up (process ${holder}), although ${home.upFile} is gone.`,
    `use that one, or end it first (Ctrl-C where it runs, or kill ${holder}).`,
  );
}

async function endStrays(home: Home, record: UpRecord, say: Say, { part }: UpTimings): Promise<void> {
  for (const stray of findStrays(home.home, record.parts)) {
    await say.while(stray.name, 'ending a lost one', async () => {
      await endProcess(adoptProcess(stray, part.adoptedPollMs), part.stopWithinMs);
      return `process ${stray.pid} ended: it was left by an earlier bkg up that wrote no record of it`;
    });
  }
}

/** Starts it, waits for the signal or for a failure, and stops it. */
async function live(mesh: Mesh, { say, signals }: UpOptions, settings: Settings): Promise<number> {
  const end = new AbortController();
  const bounding = mesh.boundLogs(end.signal);
  let failure: Error | undefined;
  try {
    const link = await mesh.start(signals.stop);
    sayWhoGetsIn(settings, say);
    say.line('');
    say.line(`  bkg is up: ${mesh.url} (${howToStop()})`);
    if (link !== undefined) say.line(`  ${signInText(link)}`);
    await mesh.hold(signals.stop);
  } catch (error) {
    if (!signals.stop.aborted) failure = error as Error;
  }
  const stopping = performance.now();
  say.line('');
  say.line(failure ? '  stopping what was started' : `  stopping; ${howToKill()}`);
  const isClean = await mesh.stop(signals.kill);
  end.abort();
  await bounding;
  say.line(`  bkg has stopped (${seconds(performance.now() - stopping)})`);
  if (failure) throw failure;
  return isClean ? 0 : 1;
}

/** What whoever starts the mesh must know of who can get into it. */
function sayWhoGetsIn({ host, noAuth, publicUrl }: Settings, say: Say): void {
  if (noAuth)
    say.marked(
      '!',
      'access',
      'BKG_NO_AUTH=1: nobody is asked who they are, everybody here may do everything',
    );
  const isReached = !isLoopback(host) || (publicUrl !== undefined && !isLoopback(hostOf(new URL(publicUrl))));
  if (!isReached || publicUrl?.startsWith('https:')) return;
  say.marked(
    '!',
    'access',
    `others reach ${publicUrl ?? host} without encryption: who listens on the network can read API keys and sessions. Put TLS in ` +
      `front of it (a proxy such as Caddy or nginx) and set BKG_PUBLIC_URL=https://<its name>`,
  );
}

function howToStop(): string {
  return process.stdout.isTTY ? 'Ctrl-C stops it' : `SIGTERM to process ${process.pid} stops it`;
}

function howToKill(): string {
  return process.stdout.isTTY ? 'Ctrl-C once more kills everything' : 'a second signal kills everything';
}

/** Takes our record away; what could not be ended, or was never touched, stays in it for the next `bkg up`. */
function release(home: Home, record: UpRecord, say: Say): void {
  const left = Object.entries(record.parts).filter(([, part]) => isAlive(part));
  if (left.length > 0) {
    const names = left.map(([name, { pid }]) => `${name} (process ${pid})`).join(', ');
    say.line(`  still running: ${names}; the next \`bkg up\` takes over`);
    return;
  }
  const temporary = [
    home.upFile,
    home.natsConfigFile,
    home.gatewayCredentialsFile,
    home.brokerCredentialsFile,
    home.caFile,
  ];
  for (const file of temporary) rmSync(file, { force: true });
}
