import type { Enforcement } from '@bkg/sdk';
import { limitsTcp } from './landlock.ts';
import type { TrialResult } from './trial-result.ts';

export interface SandboxProbe {
  /** Whether anything can be started in it; also where it holds only in part. */
  usable: boolean;
  /** No files but its own. */
  files: Enforcement;
  /** Nobody but the broker. */
  network: Enforcement;
}

/** What a trial in the sandbox says of it. */
export function trialVerdict(trial: TrialResult): SandboxProbe {
  const hinders = listOf([
    [!trial.readsOwn, 'the plugin cannot read its own folder'],
    [!trial.writesOwn, 'the plugin cannot write its data'],
    [!trial.connects, 'the plugin cannot connect to the broker'],
  ]);
  if (hinders) return noSandbox(`In the sandbox ${hinders}.`);
  return { usable: true, files: filesOf(trial), network: networkOf(trial) };
}

/** @param why a sentence */
export function noSandbox(why: string): SandboxProbe {
  return { usable: false, files: none(why), network: none(why) };
}

function filesOf({ abi, reads, writes, truncates, givesAway, signals }: TrialResult): Enforcement {
  const open = listOf([
    [reads, 'files outside can be read'],
    [writes, 'files outside can be written'],
    [truncates, 'files outside can be emptied'],
    [givesAway, 'files outside can be given to others'],
  ]);
  if (open) return none(`With Landlock ${abi} of this kernel ${open}.`);
  const more = signals ? '' : ', and it can signal its own processes only';
  return {
    strength: 'enforced',
    by: 'landlock',
    note: `It reads its own folder, what it imports and the system's programs, and writes its data folder only; it still sees the names and sizes of other files and the command lines of other processes${more}.`,
  };
}

function networkOf(trial: TrialResult): Enforcement {
  const { abi, filters } = trial;
  if (!limitsTcp(abi)) {
    return none(`Landlock ${abi} of this kernel does not limit TCP: that takes Linux 6.7.`);
  }
  const open = listOf([
    [trial.connectsElsewhere, 'other ports can be connected to'],
    [trial.listens, 'it can listen'],
    [trial.sendsUdp, 'UDP can be sent'],
    [trial.connectsUnix, 'unix sockets can be connected to'],
  ]);
  const why = filters ? '' : ', because the filter of system calls does not know this processor';
  if (open) return none(`In the sandbox ${open}${why}.`);
  return {
    strength: 'enforced',
    by: 'landlock+seccomp',
    note: "It connects by TCP to the broker's port only, but to that port of any host, because Landlock does not limit hosts; no UDP, no name server, no unix socket, and it cannot listen.",
  };
}

function none(note: string): Enforcement {
  return { strength: 'none', by: 'none', note };
}

/** Those that hold, as words; undefined when none does. */
function listOf(facts: readonly (readonly [holds: boolean, words: string])[]): string | undefined {
  const held = facts.filter(([holds]) => holds).map(([, words]) => words);
  return held.length > 0 ? held.join(', ') : undefined;
}
