/** EISDIR: what is read as a file is a folder. */
const codes: readonly unknown[] = ['ENOENT', 'ENOTDIR', 'EISDIR'];

/** Whether an error of the file system says that there is no such file or folder. */
export const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && codes.includes(error.code);
