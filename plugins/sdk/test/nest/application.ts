import 'reflect-metadata';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { INestMicroservice, ModuleMetadata, NestApplicationOptions } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { Connection } from '../../src/connection.ts';
import { createLogger } from '../../src/logger.ts';
import { BkgPlugin } from '../../src/nest/index.ts';
import type { BkgPluginOptions } from '../../src/nest/index.ts';
import { problemOfMsg } from '../../src/problem.ts';
import type { PluginConfig, Problem } from '../../src/protocol/index.ts';
import { headerNames, subjects } from '../../src/protocol/index.ts';
import type { TestServer } from '../../src/testing.ts';

export interface ApplicationOptions extends Partial<BkgPluginOptions> {
  server: TestServer;
  /** @default 'nest-1' */
  instance?: string;
  /** What the supervisor would write into BKG_CONFIG_FILE. */
  config?: Partial<PluginConfig>;
  /** With BKG_HOLD=1. */
  held?: boolean;
  application?: NestApplicationOptions;
  /** Before it listens. */
  prepare?: (app: INestMicroservice) => void;
}

/** What the supervisor puts into the environment, but for the folders of the mesh. */
export function managed(
  server: TestServer,
  id: string,
  folder: string,
  instance: string,
): Record<string, string> {
  return {
    BKG_PLUGIN_ID: id,
    BKG_INSTANCE_ID: instance,
    BKG_NATS_URL: server.url,
    BKG_CREDENTIALS_FILE: server.credentialsFile,
    BKG_DATA_DIR: path.join(folder, 'data'),
  };
}

/** A Nest microservice in this process, listening as the plugin `nest` unless it is given another id. */
export class Application implements AsyncDisposable {
  readonly app: INestMicroservice;
  readonly strategy: BkgPlugin;
  readonly #folder: string;

  constructor(app: INestMicroservice, strategy: BkgPlugin, folder: string) {
    this.app = app;
    this.strategy = strategy;
    this.#folder = folder;
  }

  static async create(metadata: ModuleMetadata, options: ApplicationOptions): Promise<Application> {
    const { server, instance = 'nest-1', config, held, application, prepare, ...rest } = options;
    const folder = await mkdtemp(path.join(tmpdir(), 'bkg-nest-'));
    const id = rest.id ?? 'nest';
    const env: NodeJS.ProcessEnv = managed(server, id, folder, instance);
    if (config) {
      env['BKG_CONFIG_FILE'] = path.join(folder, 'config.json');
      await writeFile(env['BKG_CONFIG_FILE'], JSON.stringify(config));
    }
    if (held) env['BKG_HOLD'] = '1';
    class Root {}
    Module(metadata)(Root);
    const strategy = new BkgPlugin({
      id,
      version: '1.0.0',
      description: 'Of Nest.',
      env,
      log: createLogger({}, { level: 'silent' }),
      ...rest,
    });
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(Root, {
      strategy,
      logger: false,
      abortOnError: false,
      ...application,
    });
    prepare?.(app);
    return new Application(app, strategy, folder);
  }

  static async start(metadata: ModuleMetadata, options: ApplicationOptions): Promise<Application> {
    const application = await Application.create(metadata, options);
    await application.app.listen();
    return application;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export interface Answer {
  output?: unknown;
  problem?: Problem;
}

/** Invokes a capability of `nest`, and returns what came. */
export async function invoke(
  caller: Connection,
  capability: string,
  payload: unknown = {},
  { id = 'nest', timeoutMs = 5_000, headers = {} } = {},
): Promise<Answer> {
  const subject = subjects.invokeCapability(id, capability);
  const reply = await caller.request(subject, JSON.stringify(payload), {
    // The instance's own answer to the deadline is the one to see.
    timeoutMs: timeoutMs + 2_000,
    headers: { [headerNames.timeoutMs]: String(timeoutMs), ...headers },
  });
  const problem = problemOfMsg(reply);
  return problem ? { problem } : { output: reply.json() };
}
