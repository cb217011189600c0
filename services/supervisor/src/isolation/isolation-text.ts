import type { Enforcement, Isolation, Sandbox } from '@bkg/sdk';
import type { Limit } from './cgroup-places.ts';
import type { CgroupVersion } from './cgroup-version.ts';
import type { SandboxProbe } from './sandbox/index.ts';
import { lookEveryMs } from './watchdog.ts';

/** What a plugin gets on this machine. */
export interface Means {
  cgroups: Partial<Record<Limit, CgroupVersion>>;
  /** Why a limit has no cgroup, as the end of "…, because …". */
  lacks: Partial<Record<Limit, string>>;
  /** Its processes are counted by its user. */
  countsByUser: boolean;
  /** It gives way to others. */
  isNice: boolean;
  /** Its number, when it is known already. */
  user: { own: true; id?: number } | { own: false; lack: string };
  sandbox: Sandbox;
  sandboxProbe: SandboxProbe;
}

/** In words for operators. */
export function isolationText(means: Means): Isolation {
  const { sandbox, sandboxProbe, user } = means;
  const open: Enforcement = { strength: 'none', by: 'none', note: 'Its sandbox is off.' };
  return {
    memory: memoryText(means),
    cpu: cpuText(means),
    processes: processesText(means),
    user: userText(user),
    files: sandbox === 'off' ? open : sandboxProbe.files,
    network: sandbox === 'off' ? open : sandboxProbe.network,
  };
}

function memoryText(means: Means): Enforcement {
  const { memory } = means.cgroups;
  if (!memory) return lookedAt('takes more', means.lacks.memory);
  return held(memory, 'It is killed by the kernel when it takes more', means);
}

function cpuText(means: Means): Enforcement {
  const { cpu } = means.cgroups;
  if (cpu)
    return held(cpu, 'The kernel makes it wait when it has had its share of a tenth of a second', means);
  const why = means.lacks.cpu ?? 'it is not known why';
  if (!means.isNice) return none(`Nothing holds it, because ${why}.`);
  const note = `It gives way to others (nice 10) and takes what they leave, because ${why}.`;
  return { strength: 'none', by: 'nice', note };
}

function processesText(means: Means): Enforcement {
  const { pids } = means.cgroups;
  if (pids) return held(pids, 'The kernel refuses to start one more', means);
  if (!means.countsByUser) return lookedAt('has more', means.lacks.pids);
  const note =
    'The kernel refuses to start one more, and counts all instances of the plugin together (RLIMIT_NPROC).';
  return { strength: 'enforced', by: 'rlimit', note };
}

function userText(user: Means['user']): Enforcement {
  if (!user.own) {
    const ours = process.getuid?.() === 0 ? 'root' : 'the user of bkg';
    return none(`It runs as ${ours}, because ${user.lack}.`);
  }
  const who =
    user.id === undefined
      ? 'a user id of its own'
      : `the user id ${user.id}, which no other plugin of this home has`;
  return { strength: 'enforced', by: 'user', note: `It runs under ${who}, without any rights.` };
}

function held({ by }: CgroupVersion, what: string, { user }: Means): Enforcement {
  // The files of cgroups belong to our user.
  const leak = user.own ? '' : ', unless it means to get out: it runs as the user whose cgroups they are';
  return { strength: 'enforced', by, note: `${what} (${by.replace('-', ' ')})${leak}.` };
}

function lookedAt(does: string, lack = 'it is not known why'): Enforcement {
  if (process.platform !== 'linux')
    return none('Nothing holds it, because this system does not tell what all its processes take.');
  return {
    strength: 'late',
    by: 'watchdog',
    note: `It is looked at every ${lookEveryMs} ms and killed when it ${does}, so for a moment it can, because ${lack}.`,
  };
}

function none(note: string): Enforcement {
  return { strength: 'none', by: 'none', note };
}
