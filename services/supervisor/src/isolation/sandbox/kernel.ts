import { dlopen, getInt32, getRawPointer } from 'node:ffi';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

// Of linux/prctl.h, linux/seccomp.h, linux/capability.h; since 5.13 every processor has the same numbers for Landlock.
const setSeccomp = 22n;
const seccompFilterMode = 2n;
const setNoNewPrivileges = 38n;
const capabilityVersion3 = 0x2008_0522;
const landlockCreateRuleset = 444n;
const landlockAddRule = 445n;
const landlockRestrictSelf = 446n;
const rulesetVersion = 1n;

const long = 'int64';
const { functions: libc } = dlopen(null, {
  syscall: { return: long, arguments: [long, long, long, long, long, long, long] },
  prctl: { return: 'int32', arguments: ['int32', long, long, long, long] },
  capset: { return: 'int32', arguments: ['pointer', 'pointer'] },
  signal: { return: 'pointer', arguments: ['int32', 'pointer'] },
  _exit: { return: 'void', arguments: ['int32'] },
  __errno_location: { return: 'pointer', arguments: [] },
});

/** The version of its interface; 0 when this kernel has no Landlock, or it is not switched on. */
export function landlockAbi(): number {
  const abi = systemCall(landlockCreateRuleset, 0n, 0n, rulesetVersion);
  return abi < 0n ? 0 : Number(abi);
}

/** @returns a file descriptor */
export function createRuleset(attributes: Buffer): number {
  const size = BigInt(attributes.length);
  return Number(must('landlock_create_ruleset', systemCall(landlockCreateRuleset, at(attributes), size)));
}

export function addRule(ruleset: number, kind: 'path' | 'port', rule: Buffer): void {
  const type = kind === 'path' ? 1n : 2n;
  must('landlock_add_rule', systemCall(landlockAddRule, BigInt(ruleset), type, at(rule)));
}

/** From now on, for this process and all that it becomes and starts. */
export function restrictSelf(ruleset: number): void {
  must('landlock_restrict_self', systemCall(landlockRestrictSelf, BigInt(ruleset)));
}

/** No program that is executed gives more rights than there are: without it neither of the others is allowed. */
export function refuseNewPrivileges(): void {
  must('no_new_privs', control(setNoNewPrivileges, 1n));
}

/** @param program an array of `struct sock_filter` */
export function filterCalls(program: Buffer): void {
  const description = Buffer.alloc(16);
  description.writeUInt16LE(program.length / 8);
  description.writeBigUInt64LE(at(program), 8);
  must('seccomp', control(setSeccomp, seccompFilterMode, at(description)));
}

/** With `refuseNewPrivileges` root does not get them back by executing something. */
export function dropCapabilities(): void {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(capabilityVersion3);
  const none = Buffer.alloc(24);
  must('capset', libc.capset(at(header), at(none)));
}

/** Node ignores them, and what is ignored stays so in the program that is executed. */
export function resetIgnoredSignals(): void {
  libc.signal(constants.signals.SIGPIPE, 0n);
  libc.signal(constants.signals.SIGXFSZ, 0n);
}

/** Without Node's own end, which asks for calls that are refused by then. */
export function exitAtOnce(code: number): never {
  libc._exit(code);
  throw new Error('it has not ended');
}

function systemCall(number: bigint, a = 0n, b = 0n, c = 0n): bigint {
  return libc.syscall(number, a, b, c, 0n, 0n, 0n);
}

function control(option: bigint, a = 0n, b = 0n): number {
  return libc.prctl(Number(option), a, b, 0n, 0n);
}

/** @throws Error that names what was refused and how */
function must<T extends bigint | number>(what: string, result: T): T {
  if (result >= 0) return result;
  const error = getInt32(libc.__errno_location());
  throw new Error(`${what}: ${getSystemErrorName(-error)}`);
}

/** Where its bytes lie; the caller keeps it alive over the call. */
function at(bytes: Buffer): bigint {
  return getRawPointer(bytes);
}
