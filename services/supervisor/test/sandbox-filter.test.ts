import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { callFilter } from '../src/isolation/sandbox/call-filter.ts';
import {
  architectures,
  absentCalls,
  refusedCalls,
  schedulersCalls,
} from '../src/isolation/sandbox/system-calls.ts';
import type { FilteredCall } from '../src/isolation/sandbox/system-calls.ts';

const { EACCES, ENOSYS, EPERM } = constants.errno;
const allowed = 0;

/** Runs the program as the kernel does. @returns an errno; 0 when the call may be made */
function judge(program: Buffer, call: { audit: number; number: number; args?: number[] }): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, 0);
  data.writeUInt32LE(call.audit, 4);
  // What lies in the upper halves means nothing to the kernel where it takes an int.
  (call.args ?? []).forEach((value, at) => {
    data.writeUInt32LE(value >>> 0, 16 + 8 * at);
    data.writeUInt32LE(0xffff_ffff, 20 + 8 * at);
  });
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(at * 8);
    const value = program.readUInt32LE(at * 8 + 4);
    const jump = (holds: boolean) => void (at += program.readUInt8(at * 8 + (holds ? 2 : 3)));
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x15) jump(accumulator === value);
    else if (code === 0x35) jump(accumulator >= value);
    else if (code === 0x45) jump((accumulator & value) !== 0);
    else if (code === 0x06) return value === 0x7fff_0000 ? allowed : value & 0xffff;
    else throw new Error(`no instruction: ${code}`);
  }
  throw new Error('the program ends without a result');
}

describe.each(Object.entries(architectures))('the filter of calls on %s', (name, architecture) => {
  const { audit, numbers, own, ownersCalls, secondFrom } = architecture;
  const filter = callFilter(architecture, { sharesUser: false });
  const ask = (call: FilteredCall, ...args: number[]) =>
    judge(filter, { audit, number: numbers[call], args });

  it('lets pass what it does not know of', () => {
    const read = name === 'x64' ? 0 : 63;
    expect(judge(filter, { audit, number: read })).toBe(allowed);
  });

  it('has a number of its own for every call', () => {
    const all = [...Object.values(numbers), ...own, ...ownersCalls];
    expect(new Set(all).size).toBe(all.length);
  });

  it('fits what the kernel takes', () => {
    expect(callFilter(architecture, { sharesUser: true }).length / 8).toBeLessThan(4_096);
  });

  it('makes TCP sockets, and no others', () => {
    const [cloexec, nonblock] = [0o2_000_000, 0o4_000];
    for (const family of [2, 10]) {
      expect(ask('socket', family, 1 | cloexec | nonblock, 0)).toBe(allowed);
      expect(ask('socket', family, 1, 6)).toBe(allowed);
      // UDP, raw, SCTP, MPTCP.
      for (const [type, protocol] of [
        [2, 0],
        [3, 255],
        [5, 132],
        [1, 132],
        [1, 262],
      ] as const)
        expect([type, protocol, ask('socket', family, type | cloexec, protocol)]).toEqual([
          type,
          protocol,
          EACCES,
        ]);
    }
    // Unix, netlink, packet, bluetooth, vsock, XDP, SMC.
    for (const family of [0, 1, 16, 17, 31, 40, 43, 44]) expect(ask('socket', family, 1, 0)).toBe(EACCES);
  });

  it('makes pipes to children, and no pair that could send to others', () => {
    expect(ask('socketpair', 1, 1 | 0o2_000_000, 0)).toBe(allowed);
    expect(ask('socketpair', 1, 2, 0)).toBe(EACCES);
    expect(ask('socketpair', 2, 1, 0)).toBe(EACCES);
  });

  it('sends, but does not connect by sending', () => {
    const [noSignal, fastOpen] = [0x4000, 0x2000_0000];
    expect(ask('sendto', 3, 0, 1, noSignal)).toBe(allowed);
    expect(ask('sendto', 3, 0, 1, noSignal | fastOpen)).toBe(EPERM);
    expect(ask('sendmsg', 3, 0, noSignal)).toBe(allowed);
    expect(ask('sendmsg', 3, 0, fastOpen)).toBe(EPERM);
    expect(ask('sendmmsg', 3, 0, 1, fastOpen)).toBe(EPERM);
    expect(ask('setsockopt', 3, 6, 1)).toBe(allowed);
    expect(ask('setsockopt', 3, 6, 30)).toBe(EPERM);
    expect(ask('setsockopt', 3, 6, 31)).toBe(EPERM);
    expect(ask('setsockopt', 3, 1, 31)).toBe(allowed);
  });

  it('starts threads and processes, but no namespaces', () => {
    expect(ask('clone', 0x3d_0f00)).toBe(allowed);
    expect(ask('clone', 17)).toBe(allowed);
    for (const bit of [17, 25, 26, 27, 28, 29, 30]) expect(ask('clone', (1 << bit) | 17)).toBe(EPERM);
    expect(ask('clone3')).toBe(ENOSYS);
  });

  it('sets limits and priorities of the process itself only', () => {
    expect(ask('prlimit64', 0, 7)).toBe(allowed);
    expect(ask('prlimit64', 4_711, 7)).toBe(EPERM);
    expect(ask('setpriority', 0, 0)).toBe(allowed);
    expect(ask('setpriority', 0, 4_711)).toBe(EPERM);
    // Of all processes of its user, and of its group.
    for (const kind of [1, 2]) expect(ask('setpriority', kind, 0)).toBe(EPERM);
    expect(ask('ioprio_set', 1, 0)).toBe(allowed);
    expect(ask('ioprio_set', 1, 4_711)).toBe(EPERM);
    expect(ask('ioprio_set', 3, 0)).toBe(EPERM);
  });

  it('refuses the others of its list', () => {
    for (const call of refusedCalls) expect(ask(call), call).toBe(call === 'listen' ? EACCES : EPERM);
    for (const call of absentCalls) expect(ask(call), call).toBe(ENOSYS);
    for (const number of own) expect(judge(filter, { audit, number })).toBe(EPERM);
  });

  it('keeps files from being given away where the supervisor is the same user', () => {
    const shared = callFilter(architecture, { sharesUser: true });
    for (const number of ownersCalls) {
      expect(judge(filter, { audit, number })).toBe(allowed);
      expect(judge(shared, { audit, number })).toBe(EPERM);
    }
  });

  it('lets nobody who is the same user change how the supervisor is scheduled', () => {
    const shared = callFilter(architecture, { sharesUser: true });
    for (const call of schedulersCalls) {
      const number = numbers[call];
      // The kernel sees to it where users differ, and threads of one's own may be told.
      expect(judge(filter, { audit, number, args: [4_711] })).toBe(allowed);
      expect(judge(shared, { audit, number, args: [4_711] })).toBe(EPERM);
      expect(judge(shared, { audit, number, args: [0] })).toBe(allowed);
    }
  });

  it('knows only its own interface to the kernel', () => {
    const [i386, arm] = [0x4000_0003, 0x4000_0028];
    for (const other of [i386, arm]) expect(judge(filter, { audit: other, number: 0 })).toBe(ENOSYS);
    if (secondFrom !== undefined) expect(judge(filter, { audit, number: secondFrom + 41 })).toBe(ENOSYS);
  });
});
