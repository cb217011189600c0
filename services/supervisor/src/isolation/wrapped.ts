export interface LaunchSteps {
  /** Files of cgroups that it writes itself into. */
  join: readonly string[];
  /** Commands that each become the one after them, as `nice -n 10`. */
  through?: readonly string[];
}

/**
 * A command that goes through the steps and then becomes the given one: one process all the time. What is not in its place
 * is not started: 126, with a line that says why.
 */
export function wrapped(command: readonly string[], { join, through = [] }: LaunchSteps): string[] {
  const rest = [...through, ...command];
  if (join.length === 0) return rest;
  // It still has our rights, and an environment that the plugin's configuration has added to: so nothing by a bare name,
  // which some shells would let a variable redefine.
  const lines = join.map((file) => {
    const name = quoted(file);
    const failed = `{ /bin/echo ${quoted(`it cannot be put into its cgroup: ${file}`)} >&2; exit 126; }`;
    return `/bin/echo $$ > ${name} || ${failed}`;
  });
  // What shells add to the environment of their own accord is not in the launch contract.
  lines.push('unset PWD OLDPWD SHLVL', 'exec "$@"');
  return ['/bin/sh', '-c', lines.join('\n'), 'bkg', ...rest];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
