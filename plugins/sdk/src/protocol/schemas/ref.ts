import type {
  ApiKey,
  AuditEvent,
  AuditList,
  AuditQuery,
  KeyChange,
  KeyEvent,
  KeyOrder,
  NewKey,
  Principal,
  Role,
  RoleOrder,
  RotateOrder,
  SignIn,
  Ticket,
} from '../access.ts';
import type { DeclaredError, PayloadError, Problem } from '../errors.ts';
import type { Heartbeat, StatusEvent } from '../event.ts';
import type { LogQuery, LogRecord } from '../log-record.ts';
import type { ConfigPatch } from '../manifest.ts';
import type { InfoResponse, PingResponse, StatsResponse } from '../micro.ts';
import type {
  InstanceEnd,
  Isolation,
  Lease,
  PluginCapability,
  PluginConfig,
  PluginInfo,
  PluginInstance,
  RegistryEntry,
  Restarts,
} from '../plugin.ts';
import type {
  Acknowledgement,
  Cancel,
  ConfigChange,
  ControlOptions,
  Flow,
  HeartbeatOrder,
  InflightQuery,
  InflightReply,
  InvokeEnvelope,
  LogReply,
} from '../requests.ts';
import type {
  ConfigHistory,
  ConfigRevision,
  ContractBreak,
  ContractChange,
  ContractReport,
  HistoryQuery,
  RollbackOrder,
  Rollout,
  RolloutInstance,
  RolloutInvocations,
  ScaleOrder,
  SwapOrder,
} from '../rollout.ts';
import type {
  CancelFrame,
  ChunkFrame,
  ClientFrame,
  CreditFrame,
  DataFrame,
  DroppedFrame,
  ErrorFrame,
  FeedFrame,
  GatewayFrame,
  HelloFrame,
  InvokeFrame,
  ResultFrame,
  SnapshotFrame,
  SubscribeFrame,
  UnsubscribedFrame,
  UnsubscribeFrame,
} from '../socket.ts';
import type { PluginTelemetry } from '../telemetry.ts';
import type { SchemaOf } from './schema.ts';

/** Everything that has a schema, by its name there. */
export interface Wire {
  Problem: Problem;
  PayloadError: PayloadError;
  DeclaredError: DeclaredError;
  StatusEvent: StatusEvent;
  Heartbeat: Heartbeat;
  PluginTelemetry: PluginTelemetry;
  LogRecord: LogRecord;
  LogQuery: LogQuery;
  LogReply: LogReply;
  PluginCapability: PluginCapability;
  PluginConfig: PluginConfig;
  ConfigPatch: ConfigPatch;
  ConfigChange: ConfigChange;
  PluginInstance: PluginInstance;
  PluginInfo: PluginInfo;
  RegistryEntry: RegistryEntry;
  Isolation: Isolation;
  InstanceEnd: InstanceEnd;
  Restarts: Restarts;
  Lease: Lease;
  PingResponse: PingResponse;
  InfoResponse: InfoResponse;
  StatsResponse: StatsResponse;
  InvokeEnvelope: InvokeEnvelope;
  Cancel: Cancel;
  Flow: Flow;
  InflightQuery: InflightQuery;
  InflightReply: InflightReply;
  ControlOptions: ControlOptions;
  HeartbeatOrder: HeartbeatOrder;
  Acknowledgement: Acknowledgement;
  SwapOrder: SwapOrder;
  ScaleOrder: ScaleOrder;
  RollbackOrder: RollbackOrder;
  Rollout: Rollout;
  RolloutInstance: RolloutInstance;
  RolloutInvocations: RolloutInvocations;
  ContractReport: ContractReport;
  ContractBreak: ContractBreak;
  ContractChange: ContractChange;
  HistoryQuery: HistoryQuery;
  ConfigHistory: ConfigHistory;
  ConfigRevision: ConfigRevision;
  ApiKey: ApiKey;
  KeyOrder: KeyOrder;
  KeyChange: KeyChange;
  RotateOrder: RotateOrder;
  NewKey: NewKey;
  Role: Role;
  RoleOrder: RoleOrder;
  Principal: Principal;
  SignIn: SignIn;
  Ticket: Ticket;
  KeyEvent: KeyEvent;
  AuditEvent: AuditEvent;
  AuditQuery: AuditQuery;
  AuditList: AuditList;
  ClientFrame: ClientFrame;
  SubscribeFrame: SubscribeFrame;
  UnsubscribeFrame: UnsubscribeFrame;
  InvokeFrame: InvokeFrame;
  CreditFrame: CreditFrame;
  CancelFrame: CancelFrame;
  GatewayFrame: GatewayFrame;
  HelloFrame: HelloFrame;
  SnapshotFrame: SnapshotFrame;
  DataFrame: DataFrame;
  DroppedFrame: DroppedFrame;
  UnsubscribedFrame: UnsubscribedFrame;
  ChunkFrame: ChunkFrame;
  ResultFrame: ResultFrame;
  ErrorFrame: ErrorFrame;
  FeedFrame: FeedFrame;
}

export type WireName = keyof Wire;

export const refPrefix = '#/$defs/';

/** Another schema of the wire by its name. */
export function ref<Name extends WireName>(name: Name): SchemaOf<Wire[Name]> {
  return { $ref: refPrefix + name };
}
