import { expect, it } from 'vitest';
import { cgroupPlaces } from '../src/isolation/cgroup-places.ts';

it('finds both versions side by side', () => {
  const mountInfo = `
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw`;
  const membership = `9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/\n0::/c\n`;
  const time = { mount: '/sys/fs/cgroup/cpu,cpuacct', own: '/sys/fs/cgroup/cpu,cpuacct' };
  expect(cgroupPlaces(mountInfo, membership)).toEqual({
    v1: {
      memory: { mount: '/sys/fs/cgroup/memory', own: '/sys/fs/cgroup/memory/a/b' },
      cpu: time,
      cpuacct: time,
    },
    v2: { mount: '/sys/fs/cgroup/unified', own: '/sys/fs/cgroup/unified/c' },
  });
});

it('knows its place where only a part of the tree is mounted, as in a container', () => {
  const mountInfo = `
1 0 0:32 /docker/abc /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory
2 0 0:33 /docker/abc /sys/fs/cgroup/my\\040pids ro,relatime - cgroup cgroup rw,pids`;
  expect(cgroupPlaces(mountInfo, '3:memory:/docker/abc/x\n2:pids:/docker/abc\n').v1).toEqual({
    memory: { mount: '/sys/fs/cgroup/memory', own: '/sys/fs/cgroup/memory/x' },
    pids: { mount: '/sys/fs/cgroup/my pids', own: '/sys/fs/cgroup/my pids' },
  });
});

it('has no place in what it is not part of, and none where nothing is mounted', () => {
  const mountInfo = '1 0 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory';
  expect(cgroupPlaces(mountInfo, '3:memory:/docker/other\n0::/\n')).toEqual({ v1: {} });
  expect(cgroupPlaces('', '')).toEqual({ v1: {} });
});
