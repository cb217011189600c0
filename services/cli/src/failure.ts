/** The exit code of an invocation that the plugin has carried out, or may have: to repeat it may do something twice. */
export const executedCode = 3;

/** What went wrong, and what the reader can do about it. Shown without a stack. */
export class Failure extends Error {
  override name = 'Failure';
  readonly remedy: string;
  /** The words of a program that failed, shown as they are. */
  readonly details: string;
  readonly exitCode: number;

  /**
   * @param what a sentence: what was tried, what happened
   * @param remedy what to do, in the imperative
   */
  constructor(
    what: string,
    remedy: string,
    { details = '', exitCode = 1, cause }: { details?: string; exitCode?: number; cause?: unknown } = {},
  ) {
    super(what, { cause });
    this.remedy = remedy;
    this.details = details;
    this.exitCode = exitCode;
  }
}

/** A failure as it is printed. What is not a `Failure` is a fault of bkg, and says how to learn more. */
export function describe(error: unknown, env: NodeJS.ProcessEnv = process.env): string {
  if (error instanceof Failure) {
    const details = error.details.trimEnd();
    return [...(details ? [details, ''] : []), `bkg: ${error.message}`, `  To do: ${error.remedy}`].join(
      '\n',
    );
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const told = env['BKG_DEBUG'] ? stack : message;
  return `bkg: it failed in a way it does not know: ${told}\n  To do: run again with BKG_DEBUG=1 for the stack, and report it.`;
}

const elsewhere = 'or set BKG_HOME to another folder';
const mine = `give yourself write access to it, ${elsewhere}.`;

/** Codes of the operating system about files, with what to do. */
const fileRemedies: Partial<Record<string, string>> = {
  ENOSPC: `free some disk space, ${elsewhere}.`,
  EDQUOT: `your disk quota is used up: free some space, ${elsewhere}.`,
  EROFS: `the folder is on a read-only file system: set BKG_HOME to another folder.`,
  EACCES: mine,
  EPERM: mine,
  ENOTDIR: `a file stands where a folder is needed: move it away, ${elsewhere}.`,
  EEXIST: `a file stands where a folder is needed: move it away, ${elsewhere}.`,
  EISDIR: `a folder stands where a file is needed: move it away, ${elsewhere}.`,
  EMFILE: 'too many files are open: raise the limit (`ulimit -n 4096`) and start again.',
};

/**
 * An error of the file system as a Failure; anything else comes back as it was.
 * @param doing such as "making the folder /x"
 */
export function explainFile(error: unknown, doing: string): unknown {
  const remedy = fileRemedies[(error as NodeJS.ErrnoException | undefined)?.code ?? ''];
  return remedy
    ? new Failure(`${doing} failed: ${(error as Error).message}.`, remedy, { cause: error })
    : error;
}

/** What parts print when they fail for a reason outside of bkg; the first match counts. */
const logRemedies: [RegExp, string][] = [
  [
    /no space left on device|\bENOSPC\b|insufficient (storage )?resources/i,
    `the disk is full: ${fileRemedies['ENOSPC']}`,
  ],
  [
    /address already in use|\bEADDRINUSE\b/i,
    'another program took the port meanwhile: start again, or set BKG_PORT and BKG_PLUGIN_BUS_PORT to free ones.',
  ],
  [
    /permission denied|\bEACCES\b|\bEPERM\b|read-only file system|\bEROFS\b/i,
    `a file or folder cannot be written: ${mine}`,
  ],
  [/too many open files|\bEMFILE\b/i, 'raise the limit of open files (`ulimit -n 4096`) and start again.'],
  [
    /heap out of memory|cannot allocate memory|\bENOMEM\b/i,
    'the machine has too little free memory: end something else, then start again.',
  ],
  [
    /Cannot find (module|package)/i,
    'the build or the packages are incomplete: run `npm start`, which completes both.',
  ],
];

/** What to do about a part that failed with these last lines of its log. */
export function remedyFor(log: string, file: string): string {
  const known = logRemedies.find(([pattern]) => pattern.test(log));
  return known ? known[1] : `look into ${file}, mend what it names, then start again.`;
}
