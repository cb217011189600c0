/** What the trial is told. */
export interface TrialSpec {
  dataDir: string;
  /** A file of the same user that it must not get to. */
  outside: string;
  /** With the supervisor. */
  sharesUser: boolean;
  brokerPort: number;
  /** Of a server beside it. */
  otherPort: number;
  udpPort: number;
  unixSocket: string;
  /** A process of the same user that runs outside. */
  outsider: number;
}

/** What worked. */
export interface TrialResult {
  /** The version of Landlock. */
  abi: number;
  /** Whether there is a filter of system calls for this processor. */
  filters: boolean;
  readsOwn: boolean;
  writesOwn: boolean;
  reads: boolean;
  writes: boolean;
  truncates: boolean;
  /** Gives the file to others, where it could be one of the supervisor's. */
  givesAway: boolean;
  signals: boolean;
  connects: boolean;
  connectsElsewhere: boolean;
  connectsUnix: boolean;
  sendsUdp: boolean;
  listens: boolean;
}
