// Of linux/landlock.h. What is handled is refused, except where a rule allows it.
const execute = 1n << 0n;
const writeFile = 1n << 1n;
const readFile = 1n << 2n;
const readFolder = 1n << 3n;
const makeCharacterDevice = 1n << 6n;
const makeSocket = 1n << 9n;
const makeBlockDevice = 1n << 11n;
const truncate = 1n << 14n;
const deviceControl = 1n << 15n;

/** What makes sense for a file: for others the kernel refuses the rule. */
const ofFiles = execute | writeFile | readFile | truncate | deviceControl;

/** `BIND_TCP` and `CONNECT_TCP`. */
const allTcp = 0b11n;
const connectTcp = 0b10n;
/** Abstract unix sockets, and signals. */
const allScopes = 0b11n;

/** What a rule allows: `run` also to execute, `own` everything, `device` to read and write, `output` to write. */
export type Access = 'read' | 'run' | 'own' | 'device' | 'output';

/** Rights on files that this version of the interface knows. */
function filesRights(abi: number): bigint {
  const count = abi >= 5 ? 16n : abi >= 3 ? 15n : abi >= 2 ? 14n : 13n;
  return (1n << count) - 1n;
}

/** `struct landlock_ruleset_attr`, as long as the kernel knows it. */
export function rulesetAttributes(abi: number): Buffer {
  const tcp = abi >= 4 ? [allTcp] : [];
  const scopes = abi >= 6 ? [allScopes] : [];
  return words(filesRights(abi), ...tcp, ...scopes);
}

/** `struct landlock_path_beneath_attr`; @param file an open one, to which it applies and to all below */
export function pathRule(abi: number, access: Access, file: { fd: number; isFolder: boolean }): Buffer {
  const rights = rightsOf(access) & filesRights(abi) & (file.isFolder ? ~0n : ofFiles);
  const number = Buffer.alloc(4);
  number.writeInt32LE(file.fd);
  return Buffer.concat([words(rights), number]);
}

/** `struct landlock_net_port_attr`. */
export function portRule(port: number): Buffer {
  return words(connectTcp, BigInt(port));
}

export const limitsTcp = (abi: number): boolean => abi >= 4;

function rightsOf(access: Access): bigint {
  switch (access) {
    case 'read':
      return readFile | readFolder;
    case 'run':
      return readFile | readFolder | execute;
    case 'device':
      return readFile | writeFile | deviceControl;
    case 'output':
      return writeFile | truncate;
    case 'own':
      return ~(makeCharacterDevice | makeBlockDevice | makeSocket | deviceControl);
  }
}

function words(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, at) => bytes.writeBigUInt64LE(value, at * 8));
  return bytes;
}
