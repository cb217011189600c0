/** What the launcher is told. Everything that is not named is refused. */
export interface LauncherRules {
  /** Read and execute; with all below, as each of these. */
  run: string[];
  /** Read, write, make and remove. */
  own: string[];
  read: string[];
  /** The same, but they need not be there. */
  readIfThere: string[];
  /** TCP, to whatever host. */
  ports: number[];
  /** Whose files shall not be given away by a plugin that runs as the same user: the supervisor's. */
  supervisorUser: number;
}
