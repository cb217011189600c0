// Read by whatever Node the machine has, so nothing newer than Node 12.17 may stand in this file.

/**
 * Loads the real program, unless the running Node is too old even to parse it.
 * @param {() => Promise<{ main: () => Promise<void> }>} load
 */
export function enter(load) {
  if (Number(process.versions.node.split('.')[0]) < 18) {
    console.error('bkg: this is Node ' + process.versions.node + '; the set-up needs Node 18 or newer.');
    console.error('  To do: install a newer Node (any from 18 on; the right one is then fetched by itself).');
    process.exit(1);
  }
  load().then(function (program) {
    return program.main();
  });
}
