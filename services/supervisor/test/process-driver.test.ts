import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { launchProcess } from '../src/process-driver.ts';

const start = (program: string, folder: string) =>
  launchProcess({
    instance: 'i',
    program,
    command: program,
    args: [],
    folder,
    env: { PATH: '/usr/bin:/bin' },
    output: { out: 2, err: 2 },
  });

it('says of what is not there, or cannot be run, that there is no such program', async () => {
  for (const program of ['no-such-program', '/etc/passwd'])
    expect(await start(program, tmpdir()).ended).toEqual({
      how: 'not started',
      error: `there is no program ${program} that can be run`,
    });
});

it('passes on how the system calls what keeps a process from being started', async () => {
  expect(await start('/bin/true', '/no-such-folder').ended).toMatchObject({
    how: 'not started',
    code: 'ENOENT',
  });
});
