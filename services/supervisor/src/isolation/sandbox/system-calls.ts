/** What the filter knows of a processor: how the kernel names it, and its numbers of system calls. */
export interface Architecture {
  /** AUDIT_ARCH_… of linux/audit.h. */
  audit: number;
  /** Numbers from here on are those of a second interface, which would pass by the list; undefined when there is none. */
  secondFrom?: number;
  numbers: Readonly<Record<FilteredCall, number>>;
  /** Refused as well; only this processor has them. */
  own: readonly number[];
  /** They change who may do what with a file, by its owner's right alone: Landlock has no say in it. */
  ownersCalls: readonly number[];
}

/** Looked at by their arguments. */
export type JudgedCall =
  | 'socket'
  | 'socketpair'
  | 'sendto'
  | 'sendmsg'
  | 'sendmmsg'
  | 'setsockopt'
  | 'clone'
  | 'prlimit64'
  | 'setpriority'
  | 'ioprio_set';

/** How a process is scheduled, of the same user only; or a thread of one's own. */
export const schedulersCalls = [
  'sched_setparam',
  'sched_setscheduler',
  'sched_setaffinity',
  'sched_setattr',
] as const;

/**
 * Refused, whatever their arguments: they reach into other processes, change what is mounted, make namespaces, share
 * memory by a number instead of a file, or are doors into the kernel that a plugin has no use for.
 */
export const refusedCalls = [
  'listen',
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
  'process_madvise',
  'pidfd_getfd',
  'kcmp',
  'mount',
  'umount2',
  'pivot_root',
  'chroot',
  'move_mount',
  'open_tree',
  'fsopen',
  'fsconfig',
  'fsmount',
  'fspick',
  'mount_setattr',
  'name_to_handle_at',
  'open_by_handle_at',
  'fanotify_init',
  'unshare',
  'setns',
  'keyctl',
  'add_key',
  'request_key',
  'bpf',
  'perf_event_open',
  'userfaultfd',
  'shmget',
  'semget',
  'msgget',
  'mq_open',
  'init_module',
  'finit_module',
  'delete_module',
  'kexec_load',
  'kexec_file_load',
  'reboot',
  'swapon',
  'swapoff',
  'acct',
  'quotactl',
  'quotactl_fd',
  'settimeofday',
  'clock_settime',
  'clock_adjtime',
  'sethostname',
  'setdomainname',
  'syslog',
  'vhangup',
] as const;

/** Said not to exist: programs then do without. `clone3` has its flags in memory, where no filter sees them. */
export const absentCalls = ['clone3', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'] as const;

export type FilteredCall =
  | JudgedCall
  | (typeof schedulersCalls)[number]
  | (typeof refusedCalls)[number]
  | (typeof absentCalls)[number];

/** Since 5.1 every processor has the same numbers. */
const common = {
  clone3: 435,
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  pidfd_getfd: 438,
  process_madvise: 440,
  mount_setattr: 442,
  quotactl_fd: 443,
};

/** fchmodat2, setxattrat, removexattrat, file_setattr. */
const commonOwnersCalls = [452, 463, 466, 469];

/** By `process.arch`; on others there is no filter. */
export const architectures: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  x64: {
    audit: 0xc000_003e,
    // x32: the same processor with pointers of 32 bits.
    secondFrom: 0x4000_0000,
    numbers: {
      ...common,
      socket: 41,
      socketpair: 53,
      sendto: 44,
      sendmsg: 46,
      sendmmsg: 307,
      setsockopt: 54,
      clone: 56,
      prlimit64: 302,
      setpriority: 141,
      ioprio_set: 251,
      sched_setparam: 142,
      sched_setscheduler: 144,
      sched_setaffinity: 203,
      sched_setattr: 314,
      listen: 50,
      ptrace: 101,
      process_vm_readv: 310,
      process_vm_writev: 311,
      kcmp: 312,
      mount: 165,
      umount2: 166,
      pivot_root: 155,
      chroot: 161,
      name_to_handle_at: 303,
      open_by_handle_at: 304,
      fanotify_init: 300,
      unshare: 272,
      setns: 308,
      keyctl: 250,
      add_key: 248,
      request_key: 249,
      bpf: 321,
      perf_event_open: 298,
      userfaultfd: 323,
      shmget: 29,
      semget: 64,
      msgget: 68,
      mq_open: 240,
      init_module: 175,
      finit_module: 313,
      delete_module: 176,
      kexec_load: 246,
      kexec_file_load: 320,
      reboot: 169,
      swapon: 167,
      swapoff: 168,
      acct: 163,
      quotactl: 179,
      settimeofday: 164,
      clock_settime: 227,
      clock_adjtime: 305,
      sethostname: 170,
      setdomainname: 171,
      syslog: 103,
      vhangup: 153,
    },
    // modify_ldt, iopl, ioperm.
    own: [154, 172, 173],
    // chmod, fchmod, fchmodat, chown, fchown, lchown, fchownat; (l, f) setxattr, removexattr.
    ownersCalls: [90, 91, 268, 92, 93, 94, 260, 188, 189, 190, 197, 198, 199, ...commonOwnersCalls],
  },
  arm64: {
    audit: 0xc000_00b7,
    numbers: {
      ...common,
      socket: 198,
      socketpair: 199,
      sendto: 206,
      sendmsg: 211,
      sendmmsg: 269,
      setsockopt: 208,
      clone: 220,
      prlimit64: 261,
      setpriority: 140,
      ioprio_set: 30,
      sched_setparam: 118,
      sched_setscheduler: 119,
      sched_setaffinity: 122,
      sched_setattr: 274,
      listen: 201,
      ptrace: 117,
      process_vm_readv: 270,
      process_vm_writev: 271,
      kcmp: 272,
      mount: 40,
      umount2: 39,
      pivot_root: 41,
      chroot: 51,
      name_to_handle_at: 264,
      open_by_handle_at: 265,
      fanotify_init: 262,
      unshare: 97,
      setns: 268,
      keyctl: 219,
      add_key: 217,
      request_key: 218,
      bpf: 280,
      perf_event_open: 241,
      userfaultfd: 282,
      shmget: 194,
      semget: 190,
      msgget: 186,
      mq_open: 180,
      init_module: 105,
      finit_module: 273,
      delete_module: 106,
      kexec_load: 104,
      kexec_file_load: 294,
      reboot: 142,
      swapon: 224,
      swapoff: 225,
      acct: 89,
      quotactl: 60,
      settimeofday: 170,
      clock_settime: 112,
      clock_adjtime: 266,
      sethostname: 161,
      setdomainname: 162,
      syslog: 116,
      vhangup: 58,
    },
    own: [],
    // fchmod, fchmodat, fchownat, fchown; (l, f) setxattr, removexattr.
    ownersCalls: [52, 53, 54, 55, 5, 6, 7, 14, 15, 16, ...commonOwnersCalls],
  },
};
