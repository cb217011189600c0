import { constants } from 'node:os';
import { absentCalls, refusedCalls, schedulersCalls } from './system-calls.ts';
import type { Architecture, JudgedCall } from './system-calls.ts';

// Of linux/bpf_common.h and linux/seccomp.h.
const loadWord = 0x20;
const jumpIfEqual = 0x15;
const jumpIfAtLeast = 0x35;
const jumpIfAnyBit = 0x45;
const and = 0x54;
const end = 0x06;
const allow = 0x7fff_0000;
const fail = 0x0005_0000;

const callNumber = 0;
const callArchitecture = 4;
/** The lower half of an argument; both processors are little-endian. */
const argument = (index: number): number => 16 + 8 * index;

// Of sys/socket.h, netinet/tcp.h and linux/sched.h.
const unix = 1;
const inet = 2;
const inet6 = 10;
const stream = 1;
const typeMask = 0xf;
const tcp = 6;
const fastOpen = 0x2000_0000;
const tcpFastOpenConnect = 30;
const tcpUpperLayer = 31;
const newNamespaces = 0x7e02_0000;

/** Code, jumps when it holds and when not (in instructions to pass over), value: `struct sock_filter`. */
type Instruction = readonly [code: number, yes: number, no: number, value: number];

const give = (result: number): Instruction => [end, 0, 0, result];
const refuse = give(fail | constants.errno.EPERM);
const forbid = give(fail | constants.errno.EACCES);
const unknown = give(fail | constants.errno.ENOSYS);

/** The accumulator is one of the values, or the call is refused. */
function isOneOf(...values: number[]): Instruction[] {
  return [...values.map((value, at): Instruction => [jumpIfEqual, values.length - at, 0, value]), forbid];
}

/** `kind` of socket, without the flags that come with it. */
const isStream: Instruction[] = [[loadWord, 0, 0, argument(1)], [and, 0, 0, typeMask], ...isOneOf(stream)];

/** Data in the first packet connects without the question to Landlock that `connect` puts. */
const noFastOpen = (flags: number): Instruction[] => [
  [loadWord, 0, 0, argument(flags)],
  [jumpIfAnyBit, 0, 1, fastOpen],
  refuse,
  give(allow),
];

/** Only of the process that asks: Landlock does not keep its user's other processes from it. */
const onlyOfItself = (pid: number): Instruction[] => [
  [loadWord, 0, 0, argument(pid)],
  [jumpIfEqual, 1, 0, 0],
  refuse,
  give(allow),
];

/** Whose priority it is: of a whole user it would be ours. @param kind how this call says that it means one process */
const ofOneProcess = (kind: number): Instruction[] => [
  [loadWord, 0, 0, argument(0)],
  [jumpIfEqual, 1, 0, kind],
  refuse,
];

/** What the arguments must be; each ends with a result. */
const judged: Readonly<Record<JudgedCall, Instruction[]>> = {
  // Of TCP only itself: Landlock does not see the ports of its relatives, such as MPTCP.
  socket: [
    [loadWord, 0, 0, argument(0)],
    ...isOneOf(inet, inet6),
    ...isStream,
    [loadWord, 0, 0, argument(2)],
    ...isOneOf(0, tcp),
    give(allow),
  ],
  // Pipes to children. A pair of datagram sockets could still send to any name.
  socketpair: [[loadWord, 0, 0, argument(0)], ...isOneOf(unix), ...isStream, give(allow)],
  sendto: noFastOpen(3),
  sendmsg: noFastOpen(2),
  sendmmsg: noFastOpen(3),
  // Both put something else in the place of an ordinary connection.
  setsockopt: [
    [loadWord, 0, 0, argument(1)],
    [jumpIfEqual, 1, 0, tcp],
    give(allow),
    [loadWord, 0, 0, argument(2)],
    [jumpIfEqual, 1, 0, tcpFastOpenConnect],
    [jumpIfEqual, 0, 1, tcpUpperLayer],
    refuse,
    give(allow),
  ],
  clone: [[loadWord, 0, 0, argument(0)], [jumpIfAnyBit, 0, 1, newNamespaces], refuse, give(allow)],
  prlimit64: onlyOfItself(0),
  setpriority: [...ofOneProcess(0), ...onlyOfItself(1)],
  ioprio_set: [...ofOneProcess(1), ...onlyOfItself(1)],
};

export interface CallFilterOptions {
  /** Others' files belong to the same user: nothing else keeps the plugin from giving them away. */
  sharesUser: boolean;
}

/** The program for seccomp that lets pass what a plugin may ask of the kernel, as an array of `struct sock_filter`. */
export function callFilter(architecture: Architecture, { sharesUser }: CallFilterOptions): Buffer {
  const { audit, secondFrom, numbers, own, ownersCalls } = architecture;
  const when = (number: number, block: readonly Instruction[]): Instruction[] => [
    [jumpIfEqual, 0, block.length, number],
    ...block,
  ];
  const program: Instruction[] = [
    [loadWord, 0, 0, callArchitecture],
    [jumpIfEqual, 1, 0, audit],
    unknown,
    [loadWord, 0, 0, callNumber],
    ...(secondFrom === undefined ? [] : ([[jumpIfAtLeast, 0, 1, secondFrom], unknown] as const)),
    ...Object.entries(judged).flatMap(([name, block]) => when(numbers[name as JudgedCall], block)),
    ...(sharesUser ? schedulersCalls : []).flatMap((name) => when(numbers[name], onlyOfItself(0))),
    ...refusedCalls.flatMap((name) => when(numbers[name], [name === 'listen' ? forbid : refuse])),
    ...[...own, ...(sharesUser ? ownersCalls : [])].flatMap((number) => when(number, [refuse])),
    ...absentCalls.flatMap((name) => when(numbers[name], [unknown])),
    give(allow),
  ];
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, yes, no, value], at) => {
    bytes.writeUInt16LE(code, at * 8);
    bytes.writeUInt8(yes, at * 8 + 2);
    bytes.writeUInt8(no, at * 8 + 3);
    bytes.writeUInt32LE(value, at * 8 + 4);
  });
  return bytes;
}
