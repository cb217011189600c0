import type { PluginConfig } from './plugin.ts';

/** What replaces the instances of a plugin while it is used. */
export const rolloutVerbs = ['swap', 'restart', 'configure', 'rollback'] as const;
export type RolloutVerb = (typeof rolloutVerbs)[number];

export const rolloutStates = ['running', 'done', 'failed'] as const;
export type RolloutState = (typeof rolloutStates)[number];

/** What a rollout that runs is doing: of the instance that comes, or of the one that goes. */
export const rolloutSteps = ['starting', 'testing', 'draining', 'reverting'] as const;
export type RolloutStep = (typeof rolloutSteps)[number];

/** The replacement of a plugin's instances: its progress while it runs, then its receipt. */
export interface Rollout {
  verb: RolloutVerb;
  state: RolloutState;
  /** While it runs. */
  step?: RolloutStep;
  /** Why it failed, for people. */
  error?: string;
  by: string;
  why: string;
  /** The versions before it and after it; the same one for a restart. */
  from: string;
  to: string;
  started_at: string;
  /** Until the last old instance had ended; absent while it runs. */
  duration_ms?: number;
  /** Of a `single_writer` plugin: how long none took invocations. */
  paused_ms?: number;
  /** The instances that came, in their order. */
  instances: RolloutInstance[];
  invocations: RolloutInvocations;
  contract: ContractReport;
}

export interface RolloutInstance {
  instance: string;
  version: string;
  /** From its launch until it could take invocations. */
  ready_ms?: number;
  /** How long its self-test took; absent when there is none, or it could not be asked. */
  self_test_ms?: number;
  /** The instance that went for it; absent when there was none. */
  replaced?: string;
  /** From its order to end until it had. */
  drain_ms?: number;
}

/** Between its begin and its end, by all instances that its supervisor manages. */
export interface RolloutInvocations {
  answered: number;
  /** Of these, with an error. */
  failed: number;
  /** Taken by an instance that went, and not answered; null when that is not known. */
  lost: number | null;
}

/** The rules of a contract, by which a new version is refused unless it is forced. All are syntactic. */
export const contractRules = [
  'capability_gone',
  'input_required',
  'input_narrowed',
  'output_optional',
  'output_widened',
  'flag_changed',
  'type_changed',
] as const;
export type ContractRule = (typeof contractRules)[number];

/** A difference between what two versions say of themselves. */
export interface ContractChange {
  capability: string;
  /** A JSON pointer into the schema that differs; "" for the capability as a whole. */
  path: string;
  detail: string;
}

export interface ContractBreak extends ContractChange {
  rule: ContractRule;
}

/** What a new version says differently. */
export interface ContractReport {
  /** What its callers would notice, by a rule. */
  breaks: ContractBreak[];
  /** Other differences, of which the rules cannot tell whether anybody notices. */
  unknown: ContractChange[];
}

/** The body of `bkg.control.swap.<id>`. */
export interface SwapOrder {
  /** One of `PluginInfo.versions`. */
  version: string;
  /** Whatever the rules of a contract say. @default false */
  force?: boolean;
  wait?: boolean;
  by?: string;
  why?: string;
}

/** The body of `bkg.control.scale.<id>`. */
export interface ScaleOrder {
  replicas: number;
  wait?: boolean;
  by?: string;
  why?: string;
}

/** The body of `bkg.control.rollback.<id>`. */
export interface RollbackOrder {
  /** The revision whose configuration and version come back. @default the one before that is in force */
  to?: number;
  /** Whatever the rules of a contract say. @default false */
  force?: boolean;
  wait?: boolean;
  by?: string;
  why?: string;
}

/** What `bkg.registry.history.<id>` asks. */
export interface HistoryQuery {
  /** Revisions older than this. @default all that are kept */
  before?: number;
}

/** A configuration that was written. */
export interface ConfigRevision {
  revision: number;
  /** Absent in what an old version of bkg has written. */
  version?: string;
  by: string;
  at: string;
  why: string;
  /** Its configuration and version are those of this revision again. */
  restores?: number;
  config: PluginConfig;
  /**
   * Of each variable whose value is not shown, the oldest revision that is kept with the same value: two revisions have
   * the same number exactly when they have the same value.
   */
  secrets?: Record<string, number>;
}

/** Newest first. */
export interface ConfigHistory {
  revisions: ConfigRevision[];
  /** One message cannot hold all: ask again, `before` the last of these. */
  truncated?: boolean;
}
