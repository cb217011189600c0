import { isInbox, patterns, pluginIdOf, problemReply } from '@bkg/sdk';
import type { Connection, StatusEvent } from '@bkg/sdk';
import type { Msg, Subscription } from '@nats-io/nats-core';
import { noSuchPlugin } from './known-plugin.ts';
import type { Plugin } from './plugin.ts';
import type { Plugins } from './plugins.ts';

export interface StandInOptions {
  connection: Connection;
  plugins: Plugins;
  mayRun: () => boolean;
}

/**
 * Answers `plugin.<id>.status` and `.telemetry` for plugins of which no instance does. Not a controller: a controller
 * answers every request, and this must be silent when an instance speaks for itself.
 */
export function standInForAbsent({ connection, plugins, mayRun }: StandInOptions): Subscription[] {
  const on = (pattern: string, answer: (plugin: Plugin) => unknown): Subscription =>
    connection.subscribe(pattern, {
      callback: (error, msg) => {
        if (!error) reply(connection, plugins, msg, answer);
      },
    });
  return [
    on(patterns.status, (plugin) => statusOf(plugin, mayRun())),
    on(patterns.telemetry, (plugin) => plugin.info(mayRun()).telemetry),
  ];
}

function reply(
  connection: Connection,
  plugins: Plugins,
  msg: Msg,
  answer: (plugin: Plugin) => unknown,
): void {
  // We would publish to whatever the asker names.
  if (!msg.reply || !isInbox(msg.reply)) return;
  const id = pluginIdOf(msg.subject);
  const plugin = plugins.get(id);
  if (plugin?.speaksForItself) return;
  if (plugin) {
    connection.respond(msg, JSON.stringify(answer(plugin)));
    return;
  }
  const { data, headers } = problemReply(noSuchPlugin(id).problem);
  connection.respond(msg, data, headers);
}

/** Names the first instance that there is, or the one that failed last; without one there is none to name. */
function statusOf(plugin: Plugin, mayRun: boolean): StatusEvent {
  const { status, error, version, instances } = plugin.entry(mayRun);
  const [one] = instances;
  return {
    id: plugin.id,
    instance: one?.instance ?? '',
    status,
    version,
    started_at: one?.started_at ?? '',
    ...(error && { error }),
  };
}
