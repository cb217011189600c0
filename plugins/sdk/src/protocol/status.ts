/** The only states of an instance and of a plugin, in the order of an instance's life. */
export const statuses = ['stopped', 'starting', 'running', 'stopping', 'error'] as const;
export type Status = (typeof statuses)[number];

export function isStatus(value: unknown): value is Status {
  return statuses.some((status) => status === value);
}

/**
 * The status of a plugin from those of its instances: `running` if any instance runs, else the first of
 * `starting`, `stopping`, `error` that any has; without instances `error` when it is wanted running, else `stopped`.
 */
export function pluginStatus(instances: readonly Status[], wantedRunning: boolean): Status {
  const first = (['running', 'starting', 'stopping', 'error'] as const).find((status) =>
    instances.includes(status),
  );
  return first ?? (wantedRunning ? 'error' : 'stopped');
}
